import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const NAMES = ["one", "two", "three", "four"] as const;

describe("a worker with threads", () => {
  it("is on as many requests at once as it has threads, in one process, and on no more", async (t) => {
    const server = await Server.start(t, ["--threads", "4", "basics"]);
    const directory = temporaryDirectory();
    const held = await Promise.all(NAMES.map((name) => HeldRequest.begin(server, directory, name)));
    assert.deepEqual(new Set(held.map(({ pid }) => pid)), new Set(server.booted));
    const fifth = server.get(`/hold/five?${directory}`);
    assert.equal(status(await server.request("BAD\r\n\r\n")), 400); // so the fifth has arrived
    assert.equal(existsSync(join(directory, "began-five")), false);
    letGo(directory);
    const bodies = await Promise.all(held.map(async (each) => (await each.maybeResponse())?.body));
    assert.deepEqual(
      bodies,
      NAMES.map((name) => `held ${name}`),
    );
    assert.equal((await fifth).body, "held five");
  });

  it("shares the requests with other workers, so that all threads of all of them are used", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "--threads", "2", "basics"], { workers: 2 });
    const directory = temporaryDirectory();
    const held = await Promise.all(NAMES.map((name) => HeldRequest.begin(server, directory, name)));
    assert.deepEqual(held.map(({ pid }) => pid).sort(), [...server.booted, ...server.booted].sort());
    letGo(directory);
    for (const each of held) assert.equal(status(await each.maybeResponse()), 200);
  });

  it("does not keep short requests out of the arena while hundreds of long ones are in work", async (t) => {
    const server = await Server.start(t, ["--threads", "180", "--workers", "3", "--timeout", "0", "basics"], {
      workers: 3,
    });
    const fifo = join(temporaryDirectory(), "fifo");
    execFileSync("mkfifo", [fifo]);
    const short = await server.connect();
    const fields = ["X-A", "X-B", "X-C"].map((name) => `${name}: ${"f".repeat(7000)}\r\n`).join("");
    const long: Client[] = [];
    // A long request in each of the arena's 512 segments, with short ones between them.
    for (let nr = 0; nr < 530; nr++) {
      const client = await server.connect();
      client.send(`GET /block?${fifo} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      long.push(client);
      for (let filler = 0; filler < 3; filler++) {
        short.send(`GET /echo/${nr} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
        assert.equal((await short.maybeResponse("GET"))?.body, `/echo/${nr}`);
      }
    }
    const writer = openSync(fifo, constants.O_RDWR);
    for (const client of long) {
      assert.equal(status(await client.maybeResponse("GET")), 200);
      client.close();
    }
    closeSync(writer);
    short.close();
  });

  it("that dies costs the requests of all its threads, each of which gets 502", async (t) => {
    const server = await Server.start(t, ["--threads", "4", "basics"], { trouble: /SIGKILL/ });
    const directory = temporaryDirectory();
    const held = await Promise.all(NAMES.map((name) => HeldRequest.begin(server, directory, name)));
    const waiting = server.get("/echo/waiting");
    process.kill(server.booted[0] as number, "SIGKILL");
    for (const each of held) assert.equal(status(await each.maybeResponse()), 502);
    assert.equal((await waiting).body, "/echo/waiting");
  });

  it("finishes the requests of all its threads when it is told to stop", async (t) => {
    const server = await Server.start(t, ["--threads", "4", "basics"]);
    const directory = temporaryDirectory();
    const held = await Promise.all(NAMES.map((name) => HeldRequest.begin(server, directory, name)));
    server.signal("SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    letGo(directory);
    for (const each of held) assert.equal(status(await each.maybeResponse()), 200);
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("goes on with its other requests when one runs past request_timeout, which gets 504", async (t) => {
    const server = await Server.start(t, ["--threads", "2", "--request-timeout", "1", "basics"], {
      trouble: /Stacks of worker|timed out/,
    });
    const directory = temporaryDirectory();
    const stuck = await HeldRequest.begin(server, directory, "stuck");
    assert.equal(status(await stuck.maybeResponse()), 504);
    assert.equal((await server.get("/pid")).body, String(server.booted[0]));
  });
});

describe("--preload", () => {
  it("imports the application once for all workers", async (t) => {
    const imports = join(temporaryDirectory(), "imports");
    const words = ["--preload", "--workers", "3", "--env", `IMPORTS=${imports}`, "surroundings"];
    const server = await Server.start(t, words, { workers: 3 });
    const importers = readFileSync(imports, "utf8").trim().split("\n").map(Number);
    assert.equal(importers.length, 1);
    assert.deepEqual(importers, [server.parentOf(server.booted[0] as number)]);
  });

  it("is what spares the workers to import it each for itself", async (t) => {
    const imports = join(temporaryDirectory(), "imports");
    const words = ["--workers", "3", "--env", `IMPORTS=${imports}`, "surroundings"];
    const server = await Server.start(t, words, { workers: 3 });
    await server.running.stop();
    const importers = readFileSync(imports, "utf8").trim().split("\n").map(Number);
    assert.deepEqual(importers.sort(), server.booted.sort());
  });
});
