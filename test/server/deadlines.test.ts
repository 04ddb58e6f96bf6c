import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { gatewayForgets } from "./support/connections.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

/** More than the sockets between gateway and client take. */
const LARGE_BYTES = 32 * 1024 * 1024;

const POST = "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
const TIMED_OUT = /\[WARNING\] Invalid request from ip=127\.0\.0\.1: Request timeout/;

/** The client sends, and then waits until the server has had enough. */
async function answerTo(server: Server, ...parts: readonly string[]): Promise<string> {
  const client = await server.connect();
  for (const part of parts) await client.sendNow(part);
  const answer = await client.rest();
  client.close();
  return answer;
}

async function isAnswered(client: Client, request: string): Promise<void> {
  client.send(request);
  assert.equal(status(await client.maybeResponse("GET")), 200);
}

describe("header_timeout", () => {
  it("closes the connection of a client that sends nothing, in silence", async (t) => {
    const server = await Server.start(t, ["--header-timeout", "1", "basics"]);
    assert.equal(await answerTo(server), "");
    assert.equal(await answerTo(server, "\r\n"), "");
    assert.doesNotMatch(server.log, /WARNING/);
  });

  it("answers a head that does not get done with 408", async (t) => {
    const server = await Server.start(t, ["--header-timeout", "1", "basics"]);
    for (const begin of ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"]) {
      assert.match(await answerTo(server, begin), /^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
    }
    await server.running.stderr.count(TIMED_OUT, 3);
  });

  it("is for the whole head, however often something comes", async (t) => {
    const server = await Server.start(t, ["--header-timeout", "1", "basics"]);
    const client = await server.connect();
    client.send("GET / HTTP/1.1\r\n");
    const dripping = setInterval(() => client.send("X-A: b\r\n"), 50);
    assert.match(await client.rest(), /^HTTP\/1\.1 408 /);
    clearInterval(dripping);
    client.close();
  });

  it("holds for the next head on a connection too", async (t) => {
    const server = await Server.start(t, ["--header-timeout", "1", "--keep-alive", "30", "basics"]);
    const client = await server.connect();
    await isAnswered(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client.send("GET /");
    assert.match(await client.rest(), /^HTTP\/1\.1 408 /);
    client.close();
  });

  it("closes in silence where a PROXY header is all that came, or less", async (t) => {
    const server = await Server.start(t, ["--header-timeout", "1", "--proxy-protocol", "v1", "basics"]);
    assert.equal(await answerTo(server, "PROXY TCP4 192"), "");
    assert.equal(await answerTo(server, "PROXY UNKNOWN\r\n"), "");
    assert.match(await answerTo(server, "PROXY UNKNOWN\r\nGET"), /^HTTP\/1\.1 408 /);
  });
});

describe("keepalive", () => {
  it("closes an idle connection in silence", async (t) => {
    const server = await Server.start(t, ["--keep-alive", "1", "basics"]);
    const client = await server.connect();
    await isAnswered(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(await client.rest(), "");
    assert.doesNotMatch(server.log, /WARNING/);
  });
});

describe("body_timeout", () => {
  it("answers a body that stops with 408", async (t) => {
    const server = await Server.start(t, ["--body-timeout", "1", "--access-logfile", "-", "basics"]);
    const chunked = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const parts of [[POST], [POST, "12345"], [chunked], [chunked, "5\r\n123"]]) {
      assert.match(await answerTo(server, ...parts), /^HTTP\/1\.1 408 Request Timeout\r\n/);
    }
    await server.running.stderr.count(TIMED_OUT, 4);
    await server.running.stdout.count(/"POST \/body HTTP\/1\.1" 408 0 /, 4);
  });

  it("is not prolonged by bytes that are not of the body, however often they come", async (t) => {
    const server = await Server.start(t, ["--body-timeout", "1", "basics"]);
    const chunked = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const cases = [
      ["", "0"],
      ["1;", "a"],
      ["5\r\nhello\r\n1;a=", "b"],
      ["5\r\nhello\r\n0\r\nX: ", "y"],
      ["5\r\nhello\r\n0\r\n", "a:b\r\n"],
    ] as const;
    const answers = cases.map(async ([begin, drop]) => {
      const client = await server.connect();
      client.send(chunked + begin);
      const dripping = setInterval(() => client.send(drop), 50);
      const answer = await client.rest();
      clearInterval(dripping);
      client.close();
      return answer;
    });
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 408 /);
    await server.running.stderr.find(TIMED_OUT);
  });

  it("is for each pause, not for the whole body", async (t) => {
    const server = await Server.start(t, ["--body-timeout", "2", "basics"]);
    const client = await server.connect();
    client.send("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const longEnough = performance.now() + 2500;
    let sent = 0;
    await new Promise<void>((resolve) => {
      const dripping = setInterval(() => {
        client.send("1\r\nx\r\n");
        sent++;
        if (performance.now() < longEnough) return;
        clearInterval(dripping);
        resolve();
      }, 50);
    });
    client.send("0\r\n\r\n");
    assert.equal((await client.maybeResponse("POST"))?.body, "x".repeat(sent));
    client.close();
  });
});

describe("write_timeout", () => {
  it("cuts the connection of a client that takes nothing", async (t) => {
    const server = await Server.start(t, ["--write-timeout", "1", "streams"]);
    const client = await server.connect();
    client.pause();
    const directory = temporaryDirectory();
    client.send(`GET /blocks/${LARGE_BYTES}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await fileAppears(join(directory, "handed-over"));
    await gatewayForgets(server, client);
    client.resume();
    const { length } = await client.rest();
    assert.ok(length < LARGE_BYTES, `${length} bytes came`);
    client.close();
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});

it("deadlines of 0 are none", async (t) => {
  const none = ["--header-timeout", "0", "--body-timeout", "0", "--write-timeout", "0"];
  const server = await Server.start(t, [...none, "--keep-alive", "1", "basics"]);
  const [silent, begun, body, idle] = (await Promise.all([1, 2, 3, 4].map(() => server.connect()))) as [
    Client,
    Client,
    Client,
    Client,
  ];
  begun.send("GET / HTTP/1.1\r\n");
  body.send(POST);
  await isAnswered(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  // What has a deadline, of as many seconds as a timeout must at least be, is over.
  assert.equal(await idle.rest(), "");
  await isAnswered(silent, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await isAnswered(begun, "Host: x\r\n\r\n");
  await isAnswered(body, "1234567890");
  for (const client of [silent, begun, body]) client.close();
});
