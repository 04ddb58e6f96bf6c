import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

/** More than the sockets between worker, gateway and client take. */
const LARGE_BYTES = 32 * 1024 * 1024;

interface Begun {
  readonly client: Client;
  readonly directory: string;
}

/** A response of which the first of two items has arrived. */
async function begin(server: Server, version: "1.0" | "1.1"): Promise<Begun> {
  const directory = temporaryDirectory();
  const client = await server.connect();
  client.send(`GET /steps?${directory} HTTP/${version}\r\nHost: x\r\n\r\n`);
  const head = await client.until("\r\n\r\n");
  const isChunked = /^Transfer-Encoding: chunked\r$/m.test(head);
  assert.equal(isChunked, version === "1.1");
  assert.equal(await client.until(isChunked ? "first\r\n" : "first"), isChunked ? "5\r\nfirst\r\n" : "first");
  return { client, directory };
}

function goOn({ directory }: Begun): void {
  writeFileSync(join(directory, "go-on"), "");
}

describe("a streamed response", () => {
  it("reaches an HTTP/1.1 client as a chunk for each item, at once, and the connection goes on", async (t) => {
    const server = await Server.start(t, ["streams"]);
    const begun = await begin(server, "1.1");
    goOn(begun);
    assert.equal(await begun.client.until("0\r\n\r\n"), "6\r\nsecond\r\n0\r\n\r\n");
    begun.client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await begun.client.maybeResponse("GET"))?.body, "/echo");
    begun.client.close();
  });

  for (const leave of ["close", "reset"] as const) {
    it(`is closed when the client leaves in its middle by ${leave}, and harms nothing`, async (t) => {
      const server = await Server.start(t, ["streams"]);
      const begun = await begin(server, "1.1");
      begun.client[leave]();
      goOn(begun);
      await fileAppears(join(begun.directory, "closed"));
      assert.equal((await server.get("/echo")).body, "/echo");
    });
  }

  it("is cut without its last chunk when its worker dies", async (t) => {
    const server = await Server.start(t, ["streams"], { trouble: /SIGKILL/ });
    const begun = await begin(server, "1.1");
    process.kill(server.booted[0] as number, "SIGKILL");
    assert.equal(await begun.client.rest(), "");
    await server.running.stderr.find(
      /was killed by SIGKILL after [\d.]+s in request GET \/steps\?\S+ from ip=127\.0\.0\.1; answered by cutting/,
    );
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("without a length is reset for an HTTP/1.0 client, to whom the end would look like the whole", async (t) => {
    const server = await Server.start(t, ["streams"], { trouble: /SIGKILL/ });
    const begun = await begin(server, "1.0");
    process.kill(server.booted[0] as number, "SIGKILL");
    assert.equal(await begun.client.isReset(), true);
  });

  it("is cut when it runs past timeout", async (t) => {
    const server = await Server.start(t, ["--timeout", "1", "streams"], {
      trouble: /timed out|Stacks of worker/,
    });
    const begun = await begin(server, "1.1");
    assert.equal(await begun.client.rest(), "");
    await server.running.stderr.find(/timed out after [\d.]+s in request GET \/steps\S+ .*by cutting/);
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});

/** The streams that a client may leave, and what it sends for them. */
const LEFT: Readonly<Record<string, string>> = {
  "small items": "endless/10",
  "large items": "endless/4000000",
  "items by write()": "writes",
  "a generator": "drips/100000/0.02",
};

describe("a response without an end", () => {
  for (const words of [[], ["--threads", "2"]]) {
    for (const [kind, path] of Object.entries(LEFT)) {
      for (const leave of ["close", "reset"] as const) {
        it(`of ${kind} is closed when its client leaves by ${leave}, and frees its worker ${words.join(" ")}`, async (t) => {
          const server = await Server.start(t, ["--timeout", "0", ...words, "streams"]);
          const directory = temporaryDirectory();
          const client = await server.connect();
          client.send(`GET /${path}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
          await client.until("\r\n\r\n");
          client[leave]();
          assert.match(await fileAppears(join(directory, "closed")), /^closed/);
          assert.equal((await server.get("/echo")).body, "/echo");
          assert.equal(server.booted.length, 1);
        });
      }
    }
  }

  it("is closed for an HTTP/1.0 client, and one whose next requests are on their way", async (t) => {
    const server = await Server.start(t, ["--timeout", "0", "streams"]);
    for (const [version, more] of [
      ["1.0", ""],
      ["1.1", "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3)],
    ]) {
      const directory = temporaryDirectory();
      const client = await server.connect();
      client.send(`GET /endless/10?${directory} HTTP/${version}\r\nHost: x\r\n\r\n${more}`);
      await client.until("\r\n\r\n");
      client.close();
      assert.equal(await fileAppears(join(directory, "closed")), "closed");
    }
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("whose client has left before its first item is closed with that", async (t) => {
    const server = await Server.start(t, ["--timeout", "0", "streams"]);
    const directory = temporaryDirectory();
    const client = await server.connect();
    client.send(`GET /late?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await fileAppears(join(directory, "began"));
    client.close();
    writeFileSync(join(directory, "go-on"), "");
    assert.equal(await fileAppears(join(directory, "closed")), "closed");
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("whose close() raises then is an error of the application's, and its worker goes on", async (t) => {
    const server = await Server.start(t, ["--timeout", "0", "streams"], {
      trouble: /Error handling request|Traceback|raised by close/,
    });
    const directory = temporaryDirectory();
    const client = await server.connect();
    client.send(`GET /endless/10/close-raises?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until("\r\n\r\n");
    client.close();
    await server.running.stderr.find(/RuntimeError: raised by close\(\)/);
    assert.equal((await server.get("/echo")).body, "/echo");
  });

  it("nor any other is closed for a client that has only ended its side: it gets everything", async (t) => {
    const server = await Server.start(t, ["streams"]);
    const client = await server.connect();
    client.send("GET /drips/20/0.02 HTTP/1.0\r\n\r\n");
    client.end();
    assert.match(await client.rest(), /\r\n\r\n(drip){20}$/);
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});

describe("a large response", () => {
  for (const words of [[], ["--threads", "2"]]) {
    it(`does not hold a worker while its client takes its time ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "streams"]);
      const directory = temporaryDirectory();
      const client = await server.connect();
      client.pause();
      client.send(`GET /blocks/${LARGE_BYTES}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await fileAppears(join(directory, "handed-over"));
      assert.equal((await server.get("/echo")).body, "/echo");
      client.resume();
      const response = await client.maybeResponse("GET");
      assert.equal(response?.framing, "length");
      assert.equal(response?.body.length, LARGE_BYTES);
      client.close();
    });
  }

  it("reaches its slow client whole although the server was told to stop", async (t) => {
    const server = await Server.start(t, ["streams"]);
    const directory = temporaryDirectory();
    const client = await server.connect();
    client.pause();
    client.send(`GET /blocks/${LARGE_BYTES}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await fileAppears(join(directory, "handed-over"));
    server.signal("SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    client.resume();
    assert.equal((await client.maybeResponse("GET"))?.body.length, LARGE_BYTES);
  });

  it("is forgotten when its client leaves before it has taken all of it", async (t) => {
    const server = await Server.start(t, ["streams"]);
    const directory = temporaryDirectory();
    const client = await server.connect();
    client.pause();
    client.send(`GET /blocks/${LARGE_BYTES}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await fileAppears(join(directory, "handed-over"));
    client.reset();
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});
