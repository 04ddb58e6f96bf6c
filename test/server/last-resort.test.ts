/** Whatever goes wrong with one thing costs that thing and one line, and the server keeps serving. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { encodeFrame, MAX_REQUEST_BYTES } from "../../src/control/frames.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Load } from "./support/load.ts";
import { launch, runDirectories, Server, status } from "./support/server.ts";
import { NO_SMALL_DISK, smallDisk, unmountAll } from "./support/small-disk.ts";

after(async () => {
  unmountAll();
  await cleanUp();
});

const ROOT = resolve(import.meta.dirname, "../..");
const GATEWAY = /^tunicorn: gateway/;

function tunicornctl(server: Server, ...words: readonly string[]): { status: number | null; stdout: string } {
  const all = ["--pid", String(server.pid), ...words];
  return spawnSync(join(ROOT, "bin/tunicornctl"), all, { encoding: "utf8" });
}

/** Of this instance: that with the queue, that for spool files, that of the control socket. */
function directoriesOf(server: Server): { run: string; spool: string; control: string } {
  const all = runDirectories(server.pid);
  const run = all.find((each) => existsSync(join(each, "scoreboard"))) ?? "";
  const control = all.find((each) => existsSync(join(each, "control.sock"))) ?? "";
  const spool = all.find((each) => each !== run && each !== control) ?? "";
  return { run, spool, control };
}

async function serves(server: Server): Promise<void> {
  assert.equal((await server.get("/echo/x")).body, "/echo/x", server.log);
}

describe("the control socket", () => {
  const GARBAGE: readonly (readonly [title: string, bytes: Buffer])[] = [
    ...[
      null,
      [],
      1,
      "x",
      {},
      { command: null },
      { command: { toString: 1 } },
      { command: "show", args: [null] },
    ].map((message) => [JSON.stringify(message), encodeFrame(message)] as const),
    ...[
      "worker kill -1",
      "worker kill 1",
      "worker kill NaN",
      "worker add -1e9",
      "worker add NaN",
      "worker add '",
    ].map((command) => [command, encodeFrame({ id: 1, command })] as const),
    ["a command beyond all bounds", encodeFrame({ id: 1, command: "worker add 99999999999999999999999" })],
    ["no JSON", Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.from("{")])],
    ["a frame of 4 GB", Buffer.from([0xff, 0xff, 0xff, 0xff])],
    [
      "a deep message",
      Buffer.concat([Buffer.from([0, 0, 0x4e, 0x20]), Buffer.from("[".repeat(10_000) + "]".repeat(10_000))]),
    ],
    ["no protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["the longest message", encodeFrame("x".repeat(MAX_REQUEST_BYTES - 2))],
    ["half a frame", Buffer.from([0, 0, 0, 9, 0x7b])],
  ];

  async function open(path: string): Promise<Socket> {
    const socket = connect(path);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** Also by a reset. */
  function closed(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      socket.once("close", () => resolve());
    });
  }

  /** Whether the arbiter has answered, or closed the connection; a half frame gets neither. */
  async function send(path: string, bytes: Buffer): Promise<void> {
    const socket = await open(path);
    socket.end(bytes);
    socket.resume();
    await closed(socket);
  }

  it("takes whatever comes: it costs at most that connection", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const path = join(directoriesOf(server).control, "control.sock");
    for (const [title, bytes] of GARBAGE) {
      await send(path, bytes);
      assert.equal(tunicornctl(server, "show", "stats").status, 0, title);
    }
    await serves(server);
    assert.equal(server.booted.length, 1);
  });

  it("is not stopped by clients that send one byte at a time, never read, or come in great number", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const path = join(directoriesOf(server).control, "control.sock");
    const asking = encodeFrame({ id: 1, command: "show config" });
    const greedy = await open(path);
    greedy.pause();
    // Answers of far more than may lie unread.
    for (let nr = 0; nr < 4000; nr++) greedy.write(asking);
    await closed(greedy.resume());
    const slow = await open(path);
    for (const byte of asking) slow.write(Buffer.from([byte]));
    await once(slow, "data");
    slow.destroy();
    const many = await Promise.all(Array.from({ length: 200 }, () => open(path)));
    await serves(server);
    for (const socket of many) socket.destroy();
    await eventually(() => tunicornctl(server, "show", "stats").status === 0);
  });
});

describe("more workers than the scoreboard has room for", () => {
  const THREADS = ["--threads", "100", "basics"];
  const FULL = /Still 10 workers: the scoreboard has room for 0 more workers with 100 thread\(s\) each/;

  it("are refused with a line, whoever asks for them", async (t) => {
    const server = await Server.start(t, THREADS);
    assert.equal(JSON.parse(tunicornctl(server, "worker", "add", "9").stdout).total, 10);
    await server.running.stderr.count(/Booting worker/, 10);
    server.signal("SIGTTIN");
    await server.running.stderr.find(FULL);
    const refused = tunicornctl(server, "worker", "add", "1000000000");
    assert.equal(refused.status, 1);
    server.signal("SIGTTOU");
    await server.running.stderr.count(/Worker exiting/, 1);
    await eventually(() => JSON.parse(tunicornctl(server, "--json", "show", "workers").stdout).count === 9);
    server.signal("SIGTTIN");
    await server.running.stderr.count(/Booting worker/, 11);
    await serves(server);
  });

  it("make a reload fail, and the old generation keeps serving", async (t) => {
    const file = join(temporaryDirectory(), "settings.py");
    writeFileSync(file, "threads = 4\n");
    const server = await Server.start(t, ["-c", file, "basics"], { trouble: /Reload failed/ });
    writeFileSync(file, "threads = 100\nworkers = 50\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(
      /Reload failed: the scoreboard has room for 10 more workers with 100 thread/,
    );
    await serves(server);
    writeFileSync(file, "threads = 100\nworkers = 2\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 2 is ready/);
    await serves(server);
  });
});

describe("a directory that a cleaner has removed", () => {
  const LARGE = 3_000_000;

  it("for spool files is made again by whoever needs it first, private", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const { spool } = directoriesOf(server);
    rmSync(spool, { recursive: true });
    const body = "x".repeat(LARGE);
    const head = `POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${LARGE}\r\nConnection: close\r\n\r\n`;
    assert.equal((await server.request(head + body)).body, body);
    assert.equal(statSync(spool).mode & 0o777, 0o700);
    rmSync(spool, { recursive: true });
    await server.running.stderr.find(new RegExp(`Somebody has removed ${spool}; made again`));
    await eventually(() => existsSync(spool));
  });

  it("of the control socket is made again, and tunicornctl finds it", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const { control } = directoriesOf(server);
    rmSync(control, { recursive: true });
    await server.running.stderr.find(/Somebody has removed .*; made again/);
    await eventually(() => tunicornctl(server, "show", "stats").status === 0);
  });

  it("with the queue is replaced by another one, and no request is lost", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], {
      workers: 2,
      trouble: /Somebody has removed/,
    });
    const before = directoriesOf(server);
    const load = new Load(server.address, "/pid", /^\d+$/, 8);
    await load.reaches(100);
    for (const path of runDirectories(server.pid)) rmSync(path, { recursive: true });
    await server.running.stderr.find(/Somebody has removed \S+; moving to another run directory/);
    await server.running.stderr.find(/Generation 2 is ready; generation 1 finishes its requests/);
    const [old = 0, other = 0] = server.booted;
    await eventually(() =>
      [old, other].every((pid) => server.parentOf(pid) === 0 || Number.isNaN(server.parentOf(pid))),
    );
    await load.reaches(load.answered + 100);
    assert.deepEqual(await load.stop(), [], server.log);
    const now = directoriesOf(server);
    assert.notEqual(now.run, before.run);
    assert.equal(runDirectories(server.pid).length, 3);
    assert.equal(tunicornctl(server, "show", "stats").status, 0);
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 3 is ready/);
    await serves(server);
  });

  it("is made again also when its workers died before anybody noticed", async (t) => {
    const server = await Server.start(t, ["basics"], { trouble: /./ });
    const [worker = 0] = server.booted;
    const [gateway] = server.children(GATEWAY);
    for (const path of runDirectories(server.pid)) rmSync(path, { recursive: true });
    process.kill(worker, "SIGKILL");
    await server.running.stderr.find(/Generation 2 is ready/);
    await eventually(() => server.children(GATEWAY).some((pid) => pid !== gateway));
    await eventually(() => server.children(GATEWAY).length === 1);
    await serves(server);
  });

  it("and cannot be made again ends the instance, which says why", async (t) => {
    const parent = temporaryDirectory();
    const running = launch(t, ["--bind", "127.0.0.1:0", "--worker-tmp-dir", parent, "basics"], {
      exitCode: 1,
      trouble: /Somebody has removed|Shutting down|Reason/,
    });
    await running.stderr.find(/Booting worker/);
    rmSync(parent, { recursive: true });
    assert.equal((await running.waitForExit()).code, 1);
    assert.match(running.stderr.text, /Reason: Somebody has removed \S+, and no other can be made: /);
  });
});

describe("a file that cannot be deleted", () => {
  const NEEDS_CHATTR = canForbid() ? false : "needs the right to make a directory immutable";

  function canForbid(): boolean {
    const directory = temporaryDirectory();
    return forbid(directory, true) && forbid(directory, false);
  }

  function forbid(directory: string, on: boolean): boolean {
    return spawnSync("chattr", [on ? "+i" : "-i", directory], { stdio: "ignore" }).status === 0;
  }

  it("costs a line, not the gateway, and the instance stops as usual", { skip: NEEDS_CHATTR }, async (t) => {
    const parent = temporaryDirectory();
    const server = await Server.start(t, ["--tmp-upload-dir", parent, "basics"], {
      trouble: /not deleted|removing/,
    });
    const [gateway] = server.children(GATEWAY);
    const spool = join(parent, readdirSync(parent)[0] ?? "");
    const client = await server.connect();
    client.send(`POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n${"x".repeat(3_000_000)}`);
    await eventually(() => readdirSync(spool).length === 1);
    assert.ok(forbid(spool, true));
    t.after(() => forbid(spool, false));
    client.close();
    await server.running.stderr.find(/Spool file not deleted: EPERM/);
    await serves(server);
    assert.deepEqual(server.children(GATEWAY), [gateway]);
    assert.equal((await server.running.stop()).code, 0);
    assert.match(server.log, /\[WARNING\] '.*' not removed: EPERM/);
  });

  it("is left where it is when it is the pid file", async (t) => {
    const path = join(temporaryDirectory(), "pid");
    const server = await Server.start(t, ["--pid", path, "basics"], { trouble: /Pid file not removed/ });
    rmSync(path);
    mkdirSync(path);
    assert.equal((await server.running.stop()).code, 0);
    assert.match(server.log, /Pid file not removed: pid file '.*' is not a regular file/);
  });
});

describe("code that is preloaded", () => {
  function application(code: string): string {
    const directory = temporaryDirectory();
    writeFileSync(
      join(directory, "preloaded.py"),
      `import os\n${code}\ndef application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"ok"]\n`,
    );
    return directory;
  }

  it("may write to the zygote's descriptors: that costs a line", async (t) => {
    const cwd = application(
      String.raw`os.write(3, b'hello\n"x"\nnull\n{"type": "forked", "age": 99, "pid": 1}\n{"type"')`,
    );
    const server = await Server.start(t, ["--preload", "preloaded"], { cwd });
    await server.running.stderr.find(/Zygote \(pid:\d+\) sent no report, ignored: hello/);
    assert.equal((await server.get("/")).body, "ok");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 2 is ready/);
    assert.equal((await server.get("/")).body, "ok");
  });

  for (const closing of ["os.close(3)", "os.close(4)", "os.closerange(3, 256)"]) {
    it(`and closes them (${closing}) fails the start, and says so`, async (t) => {
      const cwd = application(closing);
      const running = launch(t, ["--bind", "127.0.0.1:0", "--preload", "preloaded"], {
        cwd,
        exitCode: 1,
        trouble: /./,
      });
      assert.equal((await running.waitForExit()).code, 1);
      assert.match(running.stderr.text, /descriptor|Python .* exited with code 1/);
    });
  }
});

describe("a package that is replaced while it runs", () => {
  /** Tunicorn in a place of its own, where its files can be changed. */
  function installation(): string {
    const directory = temporaryDirectory();
    for (const name of ["bin", "src", "python", "package.json"]) {
      cpSync(join(ROOT, name), join(directory, name), { recursive: true });
    }
    for (const name of [".venv", "node_modules"]) symlinkSync(join(ROOT, name), join(directory, name));
    return directory;
  }

  function changeVersion(directory: string): void {
    const path = join(directory, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...manifest, version: "99.0.0" }));
  }

  async function start(t: TestContext): Promise<{ server: Server; directory: string }> {
    const directory = installation();
    const server = await Server.start(t, ["basics"], {
      executable: join(directory, "bin/tunicorn"),
      trouble: /Reload failed|Gateway|Shutting down|Reason/,
    });
    return { server, directory };
  }

  const REPLACED = /Tunicorn's files were replaced while it runs \(\S+ by 99\.0\.0\); send USR2 to upgrade/;

  it("keeps serving with what it has loaded, and a reload says what to do", async (t) => {
    const { server, directory } = await start(t);
    changeVersion(directory);
    server.signal("SIGHUP");
    await server.running.stderr.find(new RegExp(`Reload failed: ${REPLACED.source}`));
    process.kill(server.booted[0] as number, "SIGTERM");
    await server.running.stderr.count(/Booting worker/, 2);
    await serves(server);
  });

  it("starts no gateway of another version, and goes on when the files fit again", async (t) => {
    const { server, directory } = await start(t);
    const manifest = readFileSync(join(directory, "package.json"));
    changeVersion(directory);
    process.kill(server.children(GATEWAY)[0] as number, "SIGKILL");
    await server.running.stderr.find(new RegExp(`Gateway not started: ${REPLACED.source}`));
    writeFileSync(join(directory, "package.json"), manifest);
    await eventually(() => server.children(GATEWAY).length === 1);
    await serves(server);
  });

  it("ends when its zygote dies, and says why: a supervisor starts the other version", async (t) => {
    const directory = installation();
    const server = await Server.start(t, ["basics"], {
      executable: join(directory, "bin/tunicorn"),
      exitCode: 1,
      trouble: /Zygote|Shutting down|Reason/,
    });
    changeVersion(directory);
    process.kill(server.children(/^tunicorn: zygote/)[0] as number, "SIGKILL");
    assert.equal((await server.running.waitForExit()).code, 1);
    assert.match(server.log, new RegExp(`Zygote not started: ${REPLACED.source}`));
    assert.match(server.log, new RegExp(`Reason: No zygote is left\\. ${REPLACED.source}`));
  });

  it("and removed is told in one line at a reload", async (t) => {
    const { server, directory } = await start(t);
    rmSync(join(directory, "package.json"));
    server.signal("SIGHUP");
    await server.running.stderr.find(/Reload failed: Tunicorn's files were removed while it runs/);
    await serves(server);
  });
});

describe("a full tmpfs of the queue", { skip: NO_SMALL_DISK }, () => {
  it("answers small requests as soon as a body that did not fit is elsewhere, also beside a long one", async (t) => {
    const disk = smallDisk("1m");
    const server = await Server.start(t, ["--workers", "3", "--worker-tmp-dir", disk, "basics"], {
      workers: 3,
    });
    const directory = temporaryDirectory();
    const client = await server.connect();
    client.send(`GET /hold/long?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await eventually(() => existsSync(join(directory, "began-long")));
    const body = "x".repeat(2_000_000);
    const head = `POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
    assert.equal((await server.request(head + body)).body, body);
    for (let nr = 0; nr < 50; nr++) {
      const fields = `X-Long: ${"y".repeat(7000)}\r\n`;
      const answer = await server.request(
        `GET /echo HTTP/1.1\r\nHost: x\r\n${fields}Connection: close\r\n\r\n`,
      );
      assert.equal(status(answer), 200, server.log);
    }
    writeFileSync(join(directory, "go"), "");
    assert.equal(status(await client.maybeResponse("GET")), 200);
    client.close();
  });
});

it("a client that resets its connection before it is accepted costs nothing, with the PROXY protocol too", async (t) => {
  const server = await Server.start(t, ["--proxy-protocol", "auto", "basics"]);
  const [gateway = 0] = server.children(GATEWAY);
  process.kill(gateway, "SIGSTOP");
  const clients: Socket[] = [];
  for (let nr = 0; nr < 8; nr++) {
    const { host, port } = server.address as { host: string; port: number };
    const socket = connect(port, host);
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    clients.push(socket);
  }
  for (const socket of clients) socket.resetAndDestroy();
  process.kill(gateway, "SIGCONT");
  await serves(server);
  assert.deepEqual(server.children(GATEWAY), [gateway]);
});
