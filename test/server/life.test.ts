import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Load } from "./support/load.ts";
import { livingGroup, runDirectories, Server, status } from "./support/server.ts";

after(cleanUp);

const SIGNAL_LOST = /Worker \(pid:\d+\) was sent SIGKILL|worker \(pid:\d+\) was killed by SIGKILL/;

describe("stopping", () => {
  it("by TERM finishes the requests in work and those that wait, and exits with 0", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    const waiting = await server.connect();
    waiting.send("GET /echo/waiting HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(status(await server.request("BAD\r\n\r\n")), 400); // so it has arrived
    server.signal("SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held working");
    assert.equal((await waiting.maybeResponse("GET"))?.body, "/echo/waiting");
    const { code } = await server.running.waitForExit();
    assert.equal(code, 0);
    assert.match(server.log, /Worker exiting \(pid: \d+\)\n.*Shutting down: Master\n/);
  });

  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    it(`by ${signal} does not wait for requests, and exits with 0`, async (t) => {
      const server = await Server.start(t, ["basics"]);
      const { client } = await HeldRequest.begin(server, temporaryDirectory(), "working");
      server.signal(signal);
      assert.equal((await server.running.waitForExit()).code, 0);
      assert.equal(await client.rest(), "");
    });
  }

  it("by TERM ends after graceful_timeout what does not end by itself", async (t) => {
    const server = await Server.start(t, ["--graceful-timeout", "1", "basics"]);
    const directory = temporaryDirectory();
    await HeldRequest.begin(server, directory, "stuck");
    server.signal("SIGTERM");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("by SIGKILL leaves no process, and the next start removes what was left", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2 });
    const directory = temporaryDirectory();
    await HeldRequest.begin(server, directory, "busy");
    server.signal("SIGKILL");
    await eventually(() => livingGroup(server.pid).length === 0, 1000);
    assert.notDeepEqual(runDirectories(server.pid), []);
    await Server.start(t, ["basics"]);
    assert.deepEqual(runDirectories(server.pid), []);
  });
});

describe("a process that dies", () => {
  it("as a worker in mid-request costs that request, which gets 502, and is replaced", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2, trouble: SIGNAL_LOST });
    const directory = temporaryDirectory();
    const one = await HeldRequest.begin(server, directory, "one");
    const other = await HeldRequest.begin(server, directory, "other");
    process.kill(one.pid, "SIGKILL");
    assert.equal((await one.maybeResponse())?.statusLine, "HTTP/1.1 502 Bad Gateway");
    await server.running.stderr.find(/was killed by SIGKILL after [\d.]+s in request GET \/hold\/one\?/);
    letGo(directory);
    assert.equal((await other.maybeResponse())?.body, "held other");
    await server.running.stderr.count(/Booting worker/, 3);
  });

  it("as a worker by os._exit is told with its exit code", async (t) => {
    const server = await Server.start(t, ["basics"], { trouble: /exited with code 9/ });
    assert.equal(status(await server.get("/dies")), 502);
    await server.running.stderr.find(/Worker \(pid:\d+\) exited with code 9\./);
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("as an idle worker is replaced, and nobody notices", async (t) => {
    const server = await Server.start(t, ["basics"], { trouble: SIGNAL_LOST });
    process.kill(server.booted[0] as number, "SIGKILL");
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("as a gateway comes back on the same address, which never refuses", async (t) => {
    const server = await Server.start(t, ["basics"], {
      trouble: /Gateway \(pid:\d+\) was killed by SIGKILL/,
    });
    const gateway = await server.child(/tunicorn: gateway/);
    process.kill(gateway, "SIGKILL");
    assert.equal((await server.get("/echo")).body, "/echo");
    assert.notEqual(await server.child(/tunicorn: gateway/), gateway);
  });

  it("as a gateway leaves no file, and no memory held by workers", async (t) => {
    const server = await Server.start(t, ["basics"], {
      trouble: /Gateway \(pid:\d+\) was killed by SIGKILL/,
    });
    const gateway = await server.child(/tunicorn: gateway/);
    const body = "x".repeat(3_000_000);
    const client = await server.connect();
    client.send(`POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length + 1}\r\n\r\n${body}`);
    const ofGateways = (): string[] =>
      runDirectories(server.pid)
        .flatMap((directory) => readdirSync(directory))
        .filter((name) => /^(arena-\d+|replies-\d+|\d+-\d+)$/.test(name))
        .sort();
    await eventually(() => ofGateways().includes("1-1"));
    process.kill(gateway, "SIGKILL");
    assert.equal((await server.get("/echo")).body, "/echo");
    await eventually(() => ofGateways().join() === "arena-2,replies-2");
    const maps = readFileSync(`/proc/${server.booted[0]}/maps`, "utf8");
    assert.match(maps, /\/arena-2$/m);
    assert.doesNotMatch(maps, /\/arena-1\b/);
    client.close();
  });

  it("as a zygote takes its workers along and comes back with new ones", async (t) => {
    const server = await Server.start(t, ["basics"], {
      trouble: /Zygote \(pid:\d+\) was killed|was lost with/,
    });
    const [worker] = server.booted;
    process.kill(await server.parentOf(worker as number), "SIGKILL");
    await server.running.stderr.count(/Booting worker/, 2);
    assert.equal((await server.get("/echo")).body, "/echo");
    await eventually(() => !livingGroup(server.pid).includes(worker as number));
  });
});

describe("a request past its timeout", () => {
  it("gets 504 while others are served, and its worker serves on", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "--timeout", "1", "basics"], {
      workers: 2,
      trouble: /timed out|Stacks of worker/,
    });
    const directory = temporaryDirectory();
    const stuck = server.get(`/spin?${directory}`);
    const pid = await fileAppears(join(directory, "spinning"));
    assert.equal((await server.get("/echo")).body, "/echo");
    assert.equal((await stuck).statusLine, "HTTP/1.1 504 Gateway Timeout");
    await server.running.stderr.find(/timed out after [\d.]+s in request GET \/spin/);
    await server.running.stderr.find(new RegExp(`Stacks of worker \\(pid:${pid}\\) past timeout:`));
    assert.equal(server.booted.length, 2);
  });
});

describe("reloading", () => {
  const VERSIONED = (version: string): string =>
    `def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"${version}"]\n`;

  for (const words of [[], ["--preload"], ["--threads", "2"]]) {
    it(`serves the new code with no request lost ${words.join(" ")}`, async (t) => {
      const cwd = temporaryDirectory();
      const app = join(cwd, "versioned.py");
      writeFileSync(app, VERSIONED("v1"));
      const server = await Server.start(t, ["--workers", "2", ...words, "versioned"], { cwd, workers: 2 });
      const load = new Load(server.address, "/", /^v[12]$/);
      await load.reaches(50);
      writeFileSync(app, VERSIONED("v2"));
      server.signal("SIGHUP");
      await server.running.stderr.find(/Generation 2 is ready/);
      await load.reaches(load.answered + 50);
      assert.deepEqual(await load.stop(), []);
      await eventually(() => livingGroup(server.pid).length === 5); // arbiter, gateway, zygote, two workers
      assert.equal((await server.get("/")).body, "v2");
    });
  }

  it("into an application that does not start changes nothing, and the next one tries again", async (t) => {
    const cwd = temporaryDirectory();
    const app = join(cwd, "versioned.py");
    writeFileSync(app, VERSIONED("v1"));
    const server = await Server.start(t, ["versioned"], {
      cwd,
      trouble: /Reload failed|exited with code 3|Exception in worker|Traceback/,
    });
    writeFileSync(app, "raise RuntimeError('broken')\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/RuntimeError: broken/);
    await server.running.stderr.find(/Reload failed: .*Generation 1 serves on/);
    assert.equal((await server.get("/")).body, "v1");
    writeFileSync(app, VERSIONED("mended"));
    server.signal("SIGHUP");
    await server.running.stderr.find(/is ready; generation 1 finishes/);
    // Until it is told so, the old worker may claim once more.
    await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${server.booted[0]}\\)`));
    assert.equal((await server.get("/")).body, "mended");
  });

  it("lets the old generation finish what it is on", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "old");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 2 is ready/);
    assert.equal((await server.get("/echo")).body, "/echo");
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held old");
  });
});

describe("TTIN and TTOU", () => {
  it("add and take away a worker, and at least one stays", async (t) => {
    const server = await Server.start(t, ["basics"]);
    server.signal("SIGTTIN");
    await server.running.stderr.count(/Booting worker/, 2);
    const [oldest] = server.booted;
    server.signal("SIGTTOU");
    await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${oldest}\\)`));
    server.signal("SIGTTOU");
    assert.equal((await server.get("/echo")).body, "/echo");
    // The oldest says farewell before it is gone.
    await eventually(() => livingGroup(server.pid).length === 4);
  });
});

describe("USR1", () => {
  it("reopens the logs", async (t) => {
    const directory = temporaryDirectory();
    const [access, moved] = [join(directory, "access.log"), join(directory, "access.log.1")];
    const server = await Server.start(t, ["--access-logfile", access, "basics"]);
    await server.get("/echo/before");
    const { renameSync } = await import("node:fs");
    await eventually(() => readFileSync(access, "utf8").includes("/echo/before"));
    renameSync(access, moved);
    server.signal("SIGUSR1");
    await eventually(() => existsSync(access));
    await server.get("/echo/after");
    await eventually(() => readFileSync(access, "utf8").includes('"GET /echo/after HTTP/1.1" 200'));
  });
});
