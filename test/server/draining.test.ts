/** A stop as clients and load balancers see it. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fieldValue } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

describe("TERM", () => {
  it("says Connection: close on what is in work, and does not wait for the client to ask again", async (t) => {
    const server = await Server.start(t, ["--keep-alive", "60", "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    server.signal("SIGTERM");
    // The gateway has heard of it when nobody can connect any more.
    await eventually(() =>
      server.connect().then(
        (client) => {
          client.close();
          return false;
        },
        () => true,
      ),
    );
    letGo(directory);
    const response = await held.maybeResponse();
    assert.equal(response?.body, "held working");
    assert.equal(fieldValue(response.fields, "connection"), "close");
    assert.equal((await server.running.waitForExit()).code, 0);
  });
});

describe("drain_delay", () => {
  it("accepts clients after TERM, says Connection: close to them, and stops when it is over", async (t) => {
    const server = await Server.start(t, ["--drain-delay", "2", "basics"]);
    const kept = await server.connect();
    kept.send("GET /echo/before HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(fieldValue((await kept.maybeResponse("GET"))?.fields ?? [], "connection"), "keep-alive");
    server.signal("SIGTERM");
    await server.running.stderr.find(/Stopping in 2 s; connections are accepted until then/);
    // The gateway hears of it a moment later.
    await eventually(async () => {
      const response = await server.request("GET /echo/after HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal(response.body, "/echo/after");
      return fieldValue(response.fields, "connection") === "close";
    });
    kept.send("GET /echo/again HTTP/1.1\r\nHost: x\r\n\r\n");
    const again = await kept.maybeResponse("GET");
    assert.equal(again?.body, "/echo/again");
    assert.equal(fieldValue(again.fields, "connection"), "close");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("ends at once when there is a second TERM, and requests in work are finished", async (t) => {
    const server = await Server.start(t, ["--drain-delay", "1000", "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    server.signal("SIGTERM");
    await server.running.stderr.find(/Stopping in 1000 s/);
    server.signal("SIGTERM");
    await server.running.stderr.count(/Handling signal: term/, 2);
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held working");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("ends at once, with everything, when INT follows", async (t) => {
    const server = await Server.start(t, ["--drain-delay", "1000", "basics"]);
    const { client } = await HeldRequest.begin(server, temporaryDirectory(), "working");
    server.signal("SIGTERM");
    await server.running.stderr.find(/Stopping in 1000 s/);
    server.signal("SIGINT");
    assert.equal(await client.rest(), "");
    assert.equal((await server.running.waitForExit()).code, 0);
  });
});
