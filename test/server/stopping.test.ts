/** Stopping at every other moment than that of life.test.ts: before it serves, between requests, while stopping. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, type Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { launch, livingGroup, Server, status } from "./support/server.ts";

after(cleanUp);

const ANYWHERE = ["--bind", "127.0.0.1:0"];

/** A server whose workers, or with --preload whose zygote, are importing the application and do not come to an end. */
async function importing(t: TestContext, words: readonly string[], count: number): Promise<Importing> {
  const markers = temporaryDirectory();
  const pidfile = join(markers, "pidfile");
  const running = launch(t, [...ANYWHERE, "--pid", pidfile, ...words, "slow_to_import"], {
    env: { MARKERS: markers },
  });
  const begun = (): number => readdirSync(markers).filter((name) => name.startsWith("importing-")).length;
  await eventually(() => begun() === count);
  return { running, markers, pidfile };
}

interface Importing {
  readonly running: Running;
  readonly markers: string;
  readonly pidfile: string;
}

describe("a server that is still starting", () => {
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    for (const words of [["--workers", "2"], ["--preload"]]) {
      it(`leaves at ${signal}, although the import has not ended ${words.join(" ")}`, async (t) => {
        const { running, pidfile } = await importing(t, words, words.length);
        running.signal(signal);
        assert.equal((await running.waitForExit()).code, 0);
        assert.equal(existsSync(pidfile), false);
      });
    }
  }

  it("leaves at TERM when its workers have imported the application", async (t) => {
    const { running, markers, pidfile } = await importing(t, ["--workers", "2"], 2);
    running.signal("SIGTERM");
    await running.stderr.find(/Handling signal: term/);
    letGo(markers);
    assert.equal((await running.waitForExit()).code, 0);
    assert.equal(existsSync(pidfile), false);
  });

  it("leaves at TERM at once when it preloads", async (t) => {
    const { running } = await importing(t, ["--preload"], 1);
    running.signal("SIGTERM");
    assert.equal((await running.waitForExit()).code, 0);
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    it(`leaves at ${signal} when it waits for its address, and takes its pid file with it`, async (t) => {
      const holder = createServer();
      await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
      t.after(() => holder.close());
      const { port } = holder.address() as { port: number };
      const directory = temporaryDirectory();
      const socket = join(directory, "socket");
      const binds = ["--bind", `unix:${socket}`, "--bind", `127.0.0.1:${port}`];
      const running = launch(t, [...binds, "--pid", join(directory, "pid"), "basics"], {
        trouble: /Connection in use|Likely cause|failed: \[Errno 98\]/,
      });
      await running.stderr.find(/Connection in use/);
      running.signal(signal);
      assert.deepEqual(await running.waitForExit(), { code: 0, signal: null });
      assert.deepEqual(readdirSync(directory), []);
    });
  }
});

describe("a server that is told to stop", () => {
  it("closes the connections that have no request, and does not wait for their clients", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const idle = await server.connect();
    idle.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await idle.maybeResponse("GET"))?.body, "/echo");
    const fresh = await server.connect();
    server.signal("SIGTERM");
    assert.equal(await idle.rest(), "");
    assert.equal(await fresh.rest(), "");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("answers a request whose body is still on its way", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const slow = await server.connect();
    slow.send("POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    assert.equal((await slow.maybeResponse("POST"))?.statusLine, "HTTP/1.1 100 Continue");
    slow.send("12345");
    server.signal("SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    slow.send("67890");
    const response = await slow.maybeResponse("POST");
    assert.equal(response?.body, "1234567890");
    assert.equal(await slow.rest(), "");
  });

  for (const [first, second] of [
    ["SIGTERM", "SIGINT"],
    ["SIGTERM", "SIGQUIT"],
    ["SIGINT", "SIGINT"],
  ] as const) {
    it(`by ${first} leaves at once when ${second} follows`, async (t) => {
      const server = await Server.start(t, ["--threads", "2", "basics"]);
      const { client } = await HeldRequest.begin(server, temporaryDirectory(), "working");
      server.signal(first);
      await server.running.stderr.find(/Handling signal/);
      server.signal(second);
      assert.equal((await server.running.waitForExit()).code, 0);
      assert.equal(await client.rest(), "");
    });
  }

  it("stops only once, however often it is told", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2 });
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    for (let times = 0; times < 5; times++) server.signal("SIGTERM");
    // Signals that arrive together have no order.
    await server.running.stderr.find(/Handling signal: term/);
    for (const signal of ["SIGHUP", "SIGTTIN", "SIGTTOU", "SIGUSR1"] as const) server.signal(signal);
    await server.running.stderr.find(/Handling signal: usr1/);
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held working");
    assert.equal((await server.running.waitForExit()).code, 0);
    assert.equal(server.booted.length, 2);
    assert.equal(server.log.match(/Shutting down: Master/g)?.length, 1);
  });

  for (const name of ["worker", "zygote"] as const) {
    it(`still answers the requests that wait when its only ${name} dies`, async (t) => {
      const trouble = /was killed by SIGKILL|was sent SIGKILL|was lost with/;
      const server = await Server.start(t, ["basics"], { trouble });
      const held = await HeldRequest.begin(server, temporaryDirectory(), "working");
      const waiting = await server.connect();
      waiting.send("GET /echo/waiting HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal(status(await server.request("BAD\r\n\r\n")), 400); // so it has arrived
      server.signal("SIGTERM");
      await server.running.stderr.find(/Handling signal: term/);
      process.kill(name === "worker" ? held.pid : server.parentOf(held.pid), "SIGKILL");
      assert.equal(status(await held.maybeResponse()), 502);
      assert.equal((await waiting.maybeResponse("GET"))?.body, "/echo/waiting");
      assert.equal((await server.running.waitForExit()).code, 0);
    });
  }

  it("leaves although a worker has just died", async (t) => {
    const server = await Server.start(t, ["--workers", "3", "basics"], { workers: 3, trouble: /SIGKILL/ });
    for (const pid of server.booted) process.kill(pid, "SIGKILL");
    server.signal("SIGTERM");
    assert.equal((await server.running.waitForExit()).code, 0);
    assert.deepEqual(livingGroup(server.pid), []);
  });

  it("leaves although its zygote or its gateway has just died", async (t) => {
    const trouble = /was killed by SIGKILL|was lost with/;
    for (const name of ["zygote", "gateway"] as const) {
      const server = await Server.start(t, ["basics"], { trouble });
      const pid =
        name === "gateway"
          ? await server.child(/tunicorn: gateway/)
          : server.parentOf(server.booted[0] as number);
      process.kill(pid, "SIGKILL");
      server.signal("SIGTERM");
      assert.equal((await server.running.waitForExit()).code, 0);
    }
  });
});

describe("TERM to every process at once, as systemd sends it", () => {
  it("ends a server without work, and starts no worker in its last moment", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2 });
    process.kill(-server.pid, "SIGTERM");
    assert.equal((await server.running.waitForExit()).code, 0);
    assert.equal(server.booted.length, 2);
  });

  it("still answers the request in work", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "held");
    process.kill(-server.pid, "SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    letGo(directory);
    assert.equal(status(await held.maybeResponse()), 200);
    assert.equal((await server.running.waitForExit()).code, 0);
  });
});
