import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { maybeAnswer } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { gatewayForgets } from "./support/connections.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const KINDS = [
  { title: "with a sync worker", words: ["basics"] },
  { title: "with threads", words: ["--threads", "3", "basics"] },
  { title: "with --preload", words: ["--preload", "-w", "2", "basics"] },
];

for (const { title, words } of KINDS) {
  describe(`requests ${title}`, () => {
    it("answers several requests on one connection, also when they come in one packet", async (t) => {
      const server = await Server.start(t, words);
      const client = await server.connect();
      const requests = ["a", "b", "c", "d"].map((name) => `GET /echo/${name} HTTP/1.1\r\nHost: x\r\n\r\n`);
      client.send(requests.join(""));
      for (const name of ["a", "b", "c", "d"]) {
        assert.equal((await client.maybeResponse("GET"))?.body, `/echo/${name}`);
      }
      client.send(requests[0] as string);
      assert.equal((await client.maybeResponse("GET"))?.body, "/echo/a");
      client.close();
    });

    it("hands over bodies by length, by chunks, small and large", async (t) => {
      const server = await Server.start(t, words);
      const large = "0123456789".repeat(30_000);
      for (const body of ["small", large]) {
        const head = "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        const byLength = await server.request(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
        assert.equal(byLength.body, body);
        const half = body.length >> 1;
        const chunks = [body.slice(0, half), body.slice(half)]
          .map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
          .join("");
        const byChunks = await server.request(`${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
        assert.equal(byChunks.body, body);
      }
    });

    it("sends each item of a stream as soon as the application yields it", async (t) => {
      const server = await Server.start(t, words);
      const directory = temporaryDirectory();
      const client = await server.connect();
      client.send(`GET /steps?${directory} HTTP/1.0\r\nHost: x\r\n\r\n`);
      let seen = await client.until("one");
      writeFileSync(join(directory, "took-one"), "");
      seen += await client.until("two");
      writeFileSync(join(directory, "took-two"), "");
      seen += await client.rest();
      assert.match(seen, /^HTTP\/1\.0 200 OK\r\n[\s\S]*\r\n\r\nonetwothree$/);
    });

    it("answers 500 with the traceback in the log when the application raises, and serves on", async (t) => {
      const server = await Server.start(t, words, {
        trouble: /Error handling request|Traceback|RuntimeError/,
      });
      assert.equal(status(await server.get("/raises")), 500);
      await server.running.stderr.find(/Error handling request GET \/raises/);
      await server.running.stderr.find(/RuntimeError: raised before the head/);
      assert.equal(status(await server.get("/exits")), 500);
      assert.equal(status(await server.get("/echo")), 200);
    });
  });
}

describe("one request", () => {
  it("has no body in the response to HEAD, and none with 204", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
    const head = await client.maybeResponse("HEAD");
    assert.ok(head?.fields.includes("Content-Length: 5"));
    assert.equal(status(await client.maybeResponse("GET")), 204);
    client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await client.maybeResponse("GET"))?.body, "/echo");
    client.close();
  });

  it("may be answered with 304, whose Content-Length is that of a body which is not sent", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    const client = await server.connect();
    for (let times = 0; times < 2; times++) {
      client.send("GET /unchanged HTTP/1.1\r\nHost: x\r\n\r\n");
      const response = await client.maybeResponse("GET");
      assert.equal(status(response), 304);
      assert.ok(response?.fields.includes("Content-Length: 1000"));
    }
    client.close();
  });

  it("may come byte by byte", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    const chunked =
      "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (const request of [chunked, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"]) {
      for (const byte of request) await client.sendNow(byte);
    }
    assert.equal((await client.maybeResponse("POST"))?.body, "abc");
    assert.equal((await client.maybeResponse("GET"))?.body, "/echo");
    client.close();
  });

  it("may come in one packet with others, bodies of both kinds between them", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send(
      "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst" +
        "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n" +
        "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" +
        "GET /never HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert.equal((await client.maybeResponse("POST"))?.body, "first");
    assert.equal((await client.maybeResponse("POST"))?.body, "second");
    assert.equal((await client.maybeResponse("GET"))?.body, "/echo");
    assert.equal(await client.rest(), "");
  });

  it("is told to continue when it expects that", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send("POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert.equal((await client.maybeResponse("POST"))?.statusLine, "HTTP/1.1 100 Continue");
    client.send("body");
    assert.equal((await client.maybeResponse("POST"))?.body, "body");
    client.close();
  });

  it("ends its connection when the client speaks HTTP/1.0, unless that asks to keep it", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const once = await server.connect();
    once.send("GET /echo HTTP/1.0\r\n\r\n");
    assert.match(await once.rest(), /^HTTP\/1\.0 200 OK\r\n[\s\S]*Connection: close\r\n/);
    const kept = await server.connect();
    for (let times = 0; times < 2; times++) {
      kept.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
      assert.equal((await kept.maybeResponse("GET"))?.body, "/echo");
    }
    kept.close();
  });

  it("is refused with 400 and the end of the connection when it is malformed", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send("GET / HTTP/1.1\r\nBad Name: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    const all = await client.rest();
    assert.match(
      all,
      /^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n[\s\S]*<title>Bad Request<\/title>/,
    );
    assert.doesNotMatch(all, /200 OK/);
    await server.running.stderr.find(/\[WARNING\] Invalid request from ip=127\.0\.0\.1: /);
  });
});

describe("a response that is not what it said", () => {
  it("ends the connection when the body is shorter than Content-Length", async (t) => {
    const server = await Server.start(t, ["basics"]);
    assert.equal((await server.get("/short")).framing, "cut");
  });

  it("is cut to Content-Length when the body is longer, and the connection goes on", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await client.maybeResponse("GET"))?.body, "long");
    assert.equal((await client.maybeResponse("GET"))?.body, "/echo");
    client.close();
  });

  it("is cut without a last chunk when the application raises in mid-body", async (t) => {
    const server = await Server.start(t, ["basics"], { trouble: /Error handling request|Traceback|Runtime/ });
    const response = await server.get("/raises-late");
    assert.equal(response.framing, "cut");
    assert.match(response.body, /^the beginning/);
    await server.running.stderr.find(/RuntimeError: raised in the body/);
  });
});

describe("clients that leave or are slow", () => {
  for (const leave of ["reset", "close"] as const) {
    it(`do not get their request run when they ${leave} before a worker has claimed it`, async (t) => {
      const server = await Server.start(t, ["basics"]);
      const directory = temporaryDirectory();
      const first = await server.connect();
      first.send(`GET /hold/first?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await fileAppears(join(directory, "began-first"));
      const leaving = await server.connect();
      leaving.send(`GET /hold/leaving?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
      // Its request has arrived when one that was sent later is refused.
      assert.equal(status(await server.request("BAD\r\n\r\n")), 400);
      leaving[leave]();
      await gatewayForgets(server, leaving);
      writeFileSync(join(directory, "go"), "");
      assert.equal((await maybeAnswer(first, "GET")).final?.body, "held first");
      assert.equal((await server.get("/echo")).body, "/echo");
      assert.equal(existsSync(join(directory, "began-leaving")), false);
      first.close();
    });
  }

  it("still get their response when they have only ended their side", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    client.end();
    assert.match(await client.rest(), /200 OK[\s\S]*\/echo$/);
  });

  it("do not hold a worker while their body is on its way", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const slow = await server.connect();
    slow.send("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    assert.equal((await server.get("/echo")).body, "/echo");
    slow.send("67890");
    assert.equal((await slow.maybeResponse("POST"))?.body, "1234567890");
    slow.close();
  });
});
