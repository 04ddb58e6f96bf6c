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
    it(`runs to its end when the client leaves in its middle by ${leave}, and harms nothing`, async (t) => {
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
