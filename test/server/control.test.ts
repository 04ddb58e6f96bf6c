import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const ROOT = resolve(import.meta.dirname, "../..");

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function tunicornctl(...words: readonly string[]): Ended {
  return spawnSync(join(ROOT, "bin/tunicornctl"), words, { encoding: "utf8" });
}

function ctl(server: Server, ...words: readonly string[]): Ended {
  return tunicornctl("--pid", String(server.pid), ...words);
}

describe("tunicornctl", () => {
  it("shows each worker, and the request that one is on", async (t) => {
    const directory = temporaryDirectory();
    const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2 });
    const held = await HeldRequest.begin(server, directory, "one");
    const shown = ctl(server, "status", "--json");
    assert.equal(shown.status, 0, shown.stderr);
    const { pid, workers } = JSON.parse(shown.stdout);
    assert.equal(pid, server.pid);
    assert.deepEqual(workers.map((each: { state: string }) => each.state).sort(), ["ready", "ready"]);
    const busy = workers.find((each: { pid: number }) => each.pid === held.pid);
    assert.equal(busy.work.length, 1);
    assert.match(busy.work[0].request, /^GET \/hold\/one\?/);
    assert.ok(busy.work[0].seconds >= 0);
    assert.ok(busy.memory > 1e6);
    assert.match(ctl(server, "status").stdout, new RegExp(`^${held.pid} .*GET /hold/one`, "m"));
    letGo(directory);
    assert.equal(status(await held.maybeResponse()), 200);
  });

  it("reloads, and fails when the new generation does not come up", async (t) => {
    const broken = join(temporaryDirectory(), "broken");
    const server = await Server.start(t, ["--env", `BROKEN=${broken}`, "breakable"], {
      trouble: /Exception in worker|Traceback|Error|exited with code 3|Reload failed/,
    });
    const reloaded = ctl(server, "reload");
    assert.equal(reloaded.status, 0, reloaded.stderr);
    assert.match(reloaded.stdout, /"reloaded"/);
    writeFileSync(broken, "");
    const failed = ctl(server, "reload");
    assert.equal(failed.status, 1);
    assert.match(failed.stdout, /"problem": "a new worker did not start\./);
    assert.equal(status(await server.get("/")), 200);
  });

  it("adds, removes and replaces workers", async (t) => {
    const server = await Server.start(t, ["basics"]);
    assert.deepEqual(JSON.parse(ctl(server, "worker", "add", "2").stdout), {
      added: 2,
      previous: 1,
      total: 3,
    });
    await server.running.stderr.count(/Booting worker/, 3);
    assert.equal(JSON.parse(ctl(server, "worker", "remove", "5").stdout).removed, 2);
    await server.running.stderr.count(/Worker exiting/, 2);
    const [{ pid }] = JSON.parse(ctl(server, "status", "-j").stdout).workers.filter(
      (each: { state: string }) => each.state === "ready",
    );
    assert.equal(JSON.parse(ctl(server, "worker", "kill", String(pid)).stdout).killed, pid);
    await server.running.stderr.count(/Booting worker/, 4);
    const unknown = ctl(server, "worker", "kill", "1");
    assert.equal(unknown.status, 1);
    assert.match(unknown.stdout, /Worker 1 not found/);
  });

  it("stops, and waits until the instance is gone", async (t) => {
    const server = await Server.start(t, ["basics"]);
    assert.equal(ctl(server, "stop").status, 0);
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("says what is wrong with its words, and when there is no such instance", () => {
    const wrong = tunicornctl("--nonsense");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /usage: tunicornctl[\s\S]*error: Unknown option '--nonsense'/);
    const none = tunicornctl("--pid", "1", "status");
    assert.equal(none.status, 1);
    assert.match(none.stderr, /Error: no instance with pid 1 is running/);
    const nowhere = tunicornctl("-s", "/nowhere/socket", "status");
    assert.equal(nowhere.status, 1);
    assert.match(nowhere.stderr, /Error: Failed to connect to \/nowhere\/socket/);
  });
});

describe("the control socket", () => {
  it("speaks with gunicornc", async (t) => {
    const socket = join(temporaryDirectory(), "control");
    const server = await Server.start(t, ["--control-socket", socket, "basics"]);
    await server.running.stderr.find(/Control socket listening at /);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const gunicornc = (command: string): string => {
      const words = ["-s", socket, "-c", command];
      const ended = spawnSync(join(ROOT, ".venv/bin/gunicornc"), words, { encoding: "utf8" });
      assert.equal(ended.status, 0, ended.stderr);
      return ended.stdout;
    };
    assert.match(gunicornc("show workers"), /\n\d+ +1 +yes +n\/a\n\nTotal: 1 workers/);
    assert.match(gunicornc("show all"), new RegExp(`ARBITER \\(master\\)\n  PID: ${server.pid}\n`));
    assert.match(gunicornc("show stats"), /Workers target: +1\n/);
    assert.match(gunicornc("show listeners"), /http:\/\/127\.0\.0\.1:\d+ +tcp +\d+/);
    assert.match(gunicornc("show config"), /\nworkers: 1\n/);
    assert.match(gunicornc("show dirty"), /Dirty arbiter not running/);
    assert.match(gunicornc("help"), /Available commands:/);
    assert.match(gunicornc("reload"), /"status": "reloading"/);
    await server.running.stderr.find(/Generation 2 is ready/);
    const unknown = spawnSync(join(ROOT, ".venv/bin/gunicornc"), ["-s", socket, "-c", "nonsense"], {
      encoding: "utf8",
    });
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /Unknown command: nonsense/);
    gunicornc("shutdown");
    assert.equal((await server.running.waitForExit()).code, 0);
    assert.equal(existsSync(socket), false, "the socket was left behind");
  });

  it("at a path of a living instance is left to that one", async (t) => {
    const socket = join(temporaryDirectory(), "control");
    const one = await Server.start(t, ["--control-socket", socket, "basics"]);
    await one.running.stderr.find(/Control socket listening at /);
    const other = await Server.start(t, ["--control-socket", socket, "basics"], {
      trouble: /Control server/,
    });
    await other.running.stderr.find(/Control server error: .* is another instance's/);
    await other.running.stop();
    assert.match(tunicornctl("-s", socket, "status", "-j").stdout, new RegExp(`"pid": ${one.pid},`));
  });

  it("is not there with --no-control-socket", async (t) => {
    const server = await Server.start(t, ["--no-control-socket", "basics"]);
    assert.equal(ctl(server, "status").status, 1);
  });

  it("that cannot be had costs an error line, and the server serves", async (t) => {
    const file = join(temporaryDirectory(), "file");
    writeFileSync(file, "");
    chmodSync(file, 0o600);
    const server = await Server.start(t, ["--control-socket", join(file, "control"), "basics"], {
      trouble: /Control server error/,
    });
    await eventually(() => /Control server error/.test(server.log));
  });
});
