/** What becomes of requests that run past `timeout`, of their workers, and of the others' requests. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { launch, livingGroup, Server, status } from "./support/server.ts";

after(cleanUp);

const TROUBLE = /timed out after|Stacks of worker|WORKER TIMEOUT/;

const SYNC = ["--timeout", "1"];
const THREADS = ["--threads", "2", "--request-timeout", "1"];

function start(t: TestContext, words: readonly string[] = SYNC): Promise<Server> {
  return Server.start(t, [...words, "stuck"], { trouble: TROUBLE });
}

const ENDING = [
  { words: SYNC, ways: ["spin", "wait", "system-call"] },
  { words: ["--timeout", "0", "--request-timeout", "0.5"], ways: ["spin"] },
  { words: THREADS, ways: ["spin", "wait"] },
  { words: ["--worker-class", "gthread", "--request-timeout", "1"], ways: ["wait"] },
];

describe("a request past its timeout", () => {
  for (const { words, ways } of ENDING) {
    for (const way of ways) {
      it(`is answered 504 and ended, and its worker goes on: ${way} ${words.join(" ")}`, async (t) => {
        const server = await start(t, words);
        assert.equal(status(await server.get(`/${way}`)), 504);
        await server.running.stderr.find(
          new RegExp(`worker \\(pid:\\d+\\) timed out after [\\d.]+s in request GET /${way} from`),
        );
        await server.running.stderr.find(new RegExp(`Request GET /${way} was ended by RequestTimeout`));
        await server.running.stderr.find(/Stacks of worker \(pid:\d+\) past timeout:/);
        await server.running.stderr.find(/File ".*stuck\.py", line \d+, in (spin|wait|system_call)/);
        for (let again = 0; again < 4; again++) assert.equal((await server.get("/")).body, "ended");
        assert.equal(server.booted.length, 1);
      });
    }
  }

  it("can clean up, and the exception is not one that `except Exception` takes", async (t) => {
    const server = await start(t);
    const directory = temporaryDirectory();
    assert.equal(status(await server.get(`/clean-up?${directory}`)), 504);
    assert.equal(await fileAppears(join(directory, "cleaned-up")), "yes");
    assert.equal((await server.get("/")).body, "ended");
  });

  for (const words of [SYNC, THREADS]) {
    for (const [way, where] of [
      ["hold-the-gil", "hold_the_gil"],
      ["in-c", "in_c"],
      ["swallow", "spin"],
    ]) {
      it(`that cannot be ended costs its worker, which is replaced: ${way} ${words.join(" ")}`, async (t) => {
        const server = await start(t, words);
        const directory = temporaryDirectory();
        const stuck = server.get(`/${way}?${directory}`);
        const pid = await fileAppears(join(directory, `began-${way}`));
        assert.equal(status(await stuck), 504);
        await server.running.stderr.find(new RegExp(`WORKER TIMEOUT \\(pid:${pid}\\)`));
        await server.running.stderr.find(new RegExp(`Stacks of worker \\(pid:${pid}\\)`));
        await server.running.stderr.find(new RegExp(`in ${where}\\b`));
        await server.running.stderr.count(/Booting worker/, 2);
        assert.equal((await server.get("/")).body, "ended");
      });
    }
  }

  it("is not ended with --timeout 0", async (t) => {
    const server = await Server.start(t, ["--timeout", "0", "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "long");
    const other = await Server.start(t, ["--timeout", "1", "stuck"], { trouble: TROUBLE });
    assert.equal(status(await other.get("/spin")), 504); // so a second has passed
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held long");
  });

  it("in a thread that is stuck for good leaves the other threads the time to finish", async (t) => {
    const server = await Server.start(t, ["--threads", "2", "--request-timeout", "2", "stuck"], {
      trouble: TROUBLE,
    });
    const directory = temporaryDirectory();
    const stuck = server.get(`/in-c?${directory}`);
    const pid = await fileAppears(join(directory, "began-in-c"));
    assert.equal(status(await stuck), 504);
    const late = server.get(`/wait?${directory}`);
    assert.equal(await fileAppears(join(directory, "began-wait")), pid);
    await server.running.stderr.find(new RegExp(`WORKER TIMEOUT \\(pid:${pid}\\)`));
    assert.equal(status(await late), 504, "it lives until its own timeout");
    await server.running.stderr.count(/Booting worker/, 2);
  });
});

describe("timeout of a worker with threads", () => {
  for (const words of [
    ["--threads", "2"],
    ["--worker-class", "gthread"],
  ]) {
    it(`does not bound its requests: ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "--timeout", "2", "basics"]);
      const directory = temporaryDirectory();
      const held = await HeldRequest.begin(server, directory, "long");
      const other = await start(t, ["--timeout", "3"]);
      assert.equal(status(await other.get("/spin")), 504); // so three seconds have passed
      letGo(directory);
      assert.equal((await held.maybeResponse())?.body, "held long");
      assert.equal(server.booted.length, 1);
    });

    it(`is how long its main thread may not run before another worker takes its place: ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "--timeout", "1", "stuck"], {
        trouble: /WORKER TIMEOUT|Stacks of worker|was sent SIGKILL|answered 502|exited with code 1/,
      });
      const directory = temporaryDirectory();
      const stuck = server.get(`/hold-the-gil?${directory}`);
      const pid = await fileAppears(join(directory, "began-hold-the-gil"));
      assert.equal(status(await stuck), 502);
      await server.running.stderr.find(new RegExp(`\\[CRITICAL\\] WORKER TIMEOUT \\(pid:${pid}\\)`));
      await server.running.stderr.find(/Stacks of worker \(pid:\d+\) whose main thread does not run:/);
      await server.running.stderr.find(/in hold_the_gil\b/);
      await server.running.stderr.count(/Booting worker/, 2);
      assert.equal((await server.get("/")).body, "ended");
    });
  }

  it("does not count time in which the whole server was stopped", async (t) => {
    const server = await Server.start(t, ["--threads", "2", "--timeout", "2", "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "long");
    const all = livingGroup(server.pid);
    for (const pid of all) process.kill(pid, "SIGSTOP");
    const other = await start(t, ["--timeout", "3"]);
    assert.equal(status(await other.get("/spin")), 504); // so three seconds have passed
    for (const pid of all) process.kill(pid, "SIGCONT");
    assert.equal(status(await other.get("/spin")), 504); // and three more, in which it was looked at
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held long");
    assert.equal(server.booted.length, 1);
  });
});

describe("request_timeout", () => {
  for (const words of [[], ["--threads", "2"]]) {
    const limits = [...words, "--timeout", "0", "--request-timeout", "2"];

    it(`is for each pause of a streamed response, not for all of it ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...limits, "streams"]);
      const response = await server.get("/drips/40/0.1");
      assert.equal(response.body, "drip".repeat(40));
    });

    it(`cuts a response that does not move on, and its worker goes on ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...limits, "streams"], { trouble: TROUBLE });
      const client = await server.connect();
      client.send(`GET /steps?${temporaryDirectory()} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await client.until("first\r\n");
      assert.equal(await client.rest(), "");
      await server.running.stderr.find(/timed out after [\d.]+s in request GET \/steps\S+ .*by cutting/);
      assert.equal((await server.get("/echo")).body, "/echo");
      assert.equal(server.booted.length, 1);
    });
  }

  it("does not lift timeout, which bounds the whole request of a sync worker", async (t) => {
    const server = await Server.start(t, ["--timeout", "1", "--request-timeout", "30", "streams"], {
      trouble: TROUBLE,
    });
    assert.equal((await server.get("/drips/100/0.1")).framing, "cut");
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});

describe("boot_timeout", () => {
  it("ends a worker that does not boot, shows where it is, and another is tried", async (t) => {
    const markers = temporaryDirectory();
    const running = launch(t, ["--bind", "127.0.0.1:0", "--boot-timeout", "1", "slow_to_import"], {
      env: { MARKERS: markers },
      trouble: /WORKER BOOT TIMEOUT|Stacks of worker|was sent SIGKILL/,
    });
    await running.stderr.find(/WORKER BOOT TIMEOUT \(pid:\d+\)/);
    await running.stderr.find(/Stacks of worker \(pid:\d+\) that does not boot:/);
    await running.stderr.find(/File ".*slow_to_import\.py", line \d+ in/);
    await running.stderr.count(/Booting worker/, 2);
    letGo(markers);
    await running.stderr.count(/Booting worker/, 2);
  });
});
