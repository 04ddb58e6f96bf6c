import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { Client } from "../support/client.ts";
import { cleanUp, Printed, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { APPS, livingGroup, runDirectories, Server, status } from "./support/server.ts";

after(cleanUp);

const ROOT = resolve(import.meta.dirname, "../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const SERVICE_MANAGER = join(import.meta.dirname, "support/service-manager.py");

interface Message {
  readonly pid: number;
  readonly lines: readonly string[];
}

async function serviceManager(t: TestContext): Promise<{ socket: string; printed: Printed }> {
  const socket = join(temporaryDirectory(), "notify");
  const child = spawn(PYTHON, [SERVICE_MANAGER, socket], { stdio: ["ignore", "pipe", "inherit"] });
  const printed = new Printed();
  printed.read(child.stdout);
  const isOver = new Promise((resolve) => child.on("close", resolve));
  t.after(async () => {
    child.kill();
    await isOver;
  });
  await printed.find(/bound/);
  return { socket, printed };
}

function messages(printed: Printed): Message[] {
  return printed.lines(1).map((line) => JSON.parse(line) as Message);
}

describe("the service manager", () => {
  it("is told by the arbiter itself when workers serve, at reloads, and at the stop", async (t) => {
    const { socket, printed } = await serviceManager(t);
    const server = await Server.start(t, ["--workers", "2", "basics"], {
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "100000" },
    });
    await printed.find(/READY=1/);
    server.signal("SIGHUP");
    await printed.count(/READY=1/, 2);
    await printed.find(/WATCHDOG=1/);
    server.signal("SIGTERM");
    await printed.find(/STOPPING=1/);
    const told = messages(printed).filter(({ lines }) => lines[0] !== "WATCHDOG=1");
    assert.deepEqual(
      told.map(({ lines }) => lines.map((line) => line.replace(/=\d{3,}/, "=TIME"))),
      [
        ["READY=1", "STATUS=Serving with 2 workers"],
        ["RELOADING=1", "MONOTONIC_USEC=TIME", "STATUS=Reloading"],
        ["READY=1", "STATUS=Serving with 2 workers"],
        ["STOPPING=1", "STATUS=Stopping"],
      ],
    );
    for (const { pid } of messages(printed)) assert.equal(pid, server.pid);
  });

  it("is not told READY before the application is imported", async (t) => {
    const { socket, printed } = await serviceManager(t);
    const running = new Running("tunicorn", ["--bind", "127.0.0.1:0", "missing"], {
      cwd: APPS,
      env: { NOTIFY_SOCKET: socket },
    });
    const { code } = await running.waitForExit();
    assert.equal(code, 3);
    assert.ok(!printed.text.includes("READY"));
  });

  it("is told the main process after an upgrade", async (t) => {
    const { socket, printed } = await serviceManager(t);
    const server = await Server.start(t, ["basics"], { env: { NOTIFY_SOCKET: socket } });
    server.signal("SIGUSR2");
    await server.running.stderr.count(/Booting worker/, 2);
    const second = Number(/\[(\d+)\] \[INFO\] Starting(?![\s\S]*Starting)/.exec(server.log)?.[1]);
    server.signal("SIGTERM");
    await printed.find(new RegExp(`"pid": ${server.pid}, .*MAINPID=${second}`));
    await printed.find(new RegExp(`"pid": ${second}, .*READY=1`));
    assert.deepEqual(messages(printed).filter(({ pid }) => pid === second)[0]?.lines, [`MAINPID=${second}`]);
    process.kill(second, "SIGTERM");
    await eventually(() => livingGroup(server.pid).length === 0);
    assert.deepEqual(runDirectories(second), []);
  });

  it("that is not there costs a warning", async (t) => {
    const server = await Server.start(t, ["basics"], { env: { NOTIFY_SOCKET: "/nowhere/notify" } });
    assert.match(server.log, /^Warning: NOTIFY_SOCKET cannot be used: /m);
  });
});

/** Tunicorn on a socket that this process has made, and no longer has itself. */
async function activated(t: TestContext): Promise<{ pid: number; printed: Printed; port: number }> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  t.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const handle = (holder as unknown as { _handle: { fd: number; close(): void } })._handle;
  // LISTEN_PID must be the pid of the process that becomes the arbiter.
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"';
  const words = ["-c", script, "sh", join(ROOT, "bin/tunicorn"), "--bind", "127.0.0.1:1", "basics"];
  const child = spawn("/bin/sh", words, {
    cwd: APPS,
    stdio: ["ignore", "inherit", "pipe", handle.fd],
    detached: true,
  });
  const printed = new Printed();
  printed.read(child.stderr);
  const pid = child.pid as number;
  t.after(async () => {
    if (livingGroup(pid).length > 0) process.kill(-pid, "SIGTERM");
    await eventually(() => livingGroup(pid).length === 0);
  });
  await printed.find(new RegExp(`Listening at: http://127\\.0\\.0\\.1:${port} `));
  handle.close();
  return { pid, printed, port };
}

async function servedAt(port: number): Promise<number> {
  const client = await Client.connect({ host: "127.0.0.1", port });
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const answer = status(await client.maybeResponse("GET"));
  client.close();
  return answer;
}

describe("socket activation", () => {
  it("serves on the sockets that were passed, whatever the binds say", async (t) => {
    const { printed, port } = await activated(t);
    await printed.find(/WARNING.*Not listening at http:\/\/127\.0\.0\.1:1: /);
    assert.equal(await servedAt(port), 200);
  });

  it("hands them on at each upgrade", async (t) => {
    const { pid, printed, port } = await activated(t);
    const listening = new RegExp(`Listening at: http://127\\.0\\.0\\.1:${port} `);
    let first = pid;
    for (const generation of [2, 3]) {
      process.kill(first, "SIGUSR2");
      const lines = await printed.count(listening, generation);
      await printed.count(/Booting worker/, generation);
      const second = Number(/\((\d+)\)$/.exec(lines.findLast((line) => listening.test(line)) ?? "")?.[1]);
      process.kill(first, "SIGTERM");
      await printed.find(new RegExp(`\\[${second}\\].*Master has been promoted`));
      assert.equal(await servedAt(port), 200);
      first = second;
    }
  });

  const ACTIVATE = "/usr/bin/systemd-socket-activate";
  it("works with systemd-socket-activate", { skip: !existsSync(ACTIVATE) && "not installed" }, async (t) => {
    const socket = join(temporaryDirectory(), "socket");
    const child = spawn(ACTIVATE, ["-l", socket, join(ROOT, "bin/tunicorn"), "basics"], {
      cwd: APPS,
      stdio: ["ignore", "inherit", "pipe"],
      env: { ...process.env, VIRTUAL_ENV: join(ROOT, ".venv") },
    });
    const printed = new Printed();
    printed.read(child.stderr);
    const isOver = new Promise((resolve) => child.on("close", resolve));
    t.after(async () => {
      child.kill();
      await isOver;
      assert.ok(existsSync(socket), "the socket is the service manager's");
    });
    await eventually(() => existsSync(socket));
    const client = await Client.connect({ path: socket });
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(status(await client.maybeResponse("GET")), 200);
    client.close();
  });
});

describe("the units in examples/systemd", () => {
  const ANALYZE = "/usr/bin/systemd-analyze";
  const UNITS = join(ROOT, "examples/systemd");
  it("are what systemd-analyze takes", { skip: !existsSync(ANALYZE) && "not installed" }, () => {
    const units = readdirSync(UNITS).filter((name) => /\.(service|socket)$/.test(name));
    assert.ok(units.length >= 2);
    const found: SpawnSyncReturns<string> = spawnSync(
      ANALYZE,
      ["verify", ...units.map((unit) => join(UNITS, unit))],
      { encoding: "utf8" },
    );
    // Paths of the example, which are not on this machine.
    const complaints = found.stderr
      .split("\n")
      .filter(
        (line) =>
          /tunicorn/.test(line) && !/is not executable: No such file|Failed to prepare|not found/.test(line),
      );
    assert.deepEqual(complaints, []);
  });
});
