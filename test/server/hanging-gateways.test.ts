/** A gateway that hangs is noticed and replaced, and never outlives its arbiter. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { APPS, livingGroup, Server, status } from "./support/server.ts";

after(cleanUp);

const GATEWAY = /^tunicorn: gateway/;
const HANGS =
  /Gateway \(pid:\d+\) does not answer for \d+ s; killed\. Its connections are lost\. Starting another\./;

describe("a gateway that is stopped", () => {
  it("is replaced within timeout, and clients that wait are served by its successor", async (t) => {
    const server = await Server.start(t, ["--timeout", "2", "basics"], { trouble: HANGS });
    const [gateway = 0] = server.children(GATEWAY);
    process.kill(gateway, "SIGSTOP");
    const answer = server.get("/echo/waited");
    await server.running.stderr.find(HANGS);
    assert.equal((await answer).body, "/echo/waited");
    assert.equal((await server.get("/echo/after")).body, "/echo/after");
    assert.ok(!server.children(GATEWAY).includes(gateway));
  });

  it("is replaced while the others serve", async (t) => {
    const server = await Server.start(t, ["--timeout", "2", "--gateways", "2", "basics"], { trouble: HANGS });
    const [gateway = 0, other = 0] = server.children(GATEWAY);
    process.kill(gateway, "SIGSTOP");
    await server.running.stderr.find(HANGS);
    await eventually(() => server.children(GATEWAY).length === 2);
    assert.ok(server.children(GATEWAY).includes(other));
    assert.equal((await server.get("/echo/after")).body, "/echo/after");
  });

  it("does not delay a stop for longer than its silence may last", async (t) => {
    const server = await Server.start(t, ["--timeout", "2", "--graceful-timeout", "600", "basics"], {
      trouble: /does not answer for \d+ s; killed/,
    });
    process.kill(server.children(GATEWAY)[0] as number, "SIGSTOP");
    assert.equal((await server.running.stop()).code, 0);
  });

  it("and continued in time is left alone", async (t) => {
    const server = await Server.start(t, ["--timeout", "600", "basics"]);
    const [gateway = 0] = server.children(GATEWAY);
    process.kill(gateway, "SIGSTOP");
    await sleep(1500);
    process.kill(gateway, "SIGCONT");
    assert.equal((await server.get("/echo/after")).body, "/echo/after");
    assert.deepEqual(server.children(GATEWAY), [gateway]);
  });

  for (const user of [[], ["--user", "nobody"]]) {
    const skip = user.length > 0 && process.getuid?.() !== 0 ? "only root can change the user" : false;
    it(`dies with its arbiter, also when that is killed ${user.join(" ")}`, { skip }, async (t) => {
      // Where every user may read it: that may not be so of the checkout.
      const cwd = temporaryDirectory();
      chmodSync(cwd, 0o755);
      copyFileSync(join(APPS, "who.py"), join(cwd, "who.py"));
      const server = await Server.start(t, [...user, "who"], { cwd });
      process.kill(server.children(GATEWAY)[0] as number, "SIGSTOP");
      server.signal("SIGKILL");
      await eventually(() => livingGroup(server.pid).length === 0);
    });
  }
});

describe("an instance that is stopped as a whole for longer than any deadline, and continued", () => {
  it("has lost no gateway, no worker, no request and no connection", async (t) => {
    const directory = temporaryDirectory();
    const words = ["--timeout", "3", "--keep-alive", "2", "--header-timeout", "2", "--write-timeout", "2"];
    const server = await Server.start(t, [...words, "--workers", "2", "basics"], { workers: 2 });
    const before = server.children(/^tunicorn/);
    const held = await HeldRequest.begin(server, directory, "one");
    const idle = await server.connect();
    idle.send("GET /echo/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    const begun = await server.connect();
    begun.send("GET /echo/2 HTTP/1.1\r\nHost: x\r\n");
    process.kill(-server.pid, "SIGSTOP");
    await sleep(5000);
    process.kill(-server.pid, "SIGCONT");
    begun.send("\r\n");
    letGo(directory);
    assert.equal(status(await held.maybeResponse()), 200, server.log);
    assert.equal((await idle.maybeResponse("GET"))?.body, "/echo/1");
    idle.send("GET /echo/3 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await idle.maybeResponse("GET"))?.body, "/echo/3");
    assert.equal((await begun.maybeResponse("GET"))?.body, "/echo/2");
    idle.close();
    begun.close();
    assert.deepEqual(server.children(/^tunicorn/), before);
  });
});
