/** Requests that are not complete: what they may take of the gateway's memory, each and all together. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { letGo } from "./support/held-request.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const BEGIN = "GET /echo HTTP/1.1\r\nHost: x\r\n";
const field = (bytes: number): string => `X-A: ${"a".repeat(bytes - 7)}\r\n`;
const LARGE_FIELDS = field(8000).repeat(12);

describe("limit_request_head", () => {
  const TOO_LARGE = /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/;

  it("refuses a larger head before it is complete", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const client = await server.connect();
    client.send(BEGIN + field(8000).repeat(20));
    assert.match(await client.rest(), TOO_LARGE);
    client.close();
    await server.running.stderr.find(/Invalid request from ip=127\.0\.0\.1: limit request head size/);
    assert.equal(status(await server.request(`${BEGIN}${field(8000).repeat(16)}\r\n`)), 200);
  });

  it("refuses trailers that are larger", async (t) => {
    const server = await Server.start(t, ["--limit-request-head", "1000", "basics"]);
    const client = await server.connect();
    const head = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(`${head}1\r\nx\r\n0\r\n${field(600).repeat(2)}`);
    assert.match(await client.rest(), TOO_LARGE);
    client.close();
  });

  it("lets everything pass that a raised limit of Gunicorn's does", async (t) => {
    const server = await Server.start(t, ["--limit-request-field_size", "300000", "basics"]);
    assert.equal(status(await server.request(`${BEGIN}${field(300_000)}\r\n`)), 200);
  });
});

/** So that little is much. */
const SMALL_HEAP = { env: { NODE_OPTIONS: "--max-old-space-size=64" } };
const SHED = /\[WARNING\] Unfinished requests take too much memory; gave up (one|\d+ more) of the oldest/;

async function connectAll(server: Server, count: number, text: string): Promise<Client[]> {
  const clients: Client[] = [];
  for (let nr = 0; nr < count; nr++) {
    const client = await server.connect();
    await client.sendNow(text);
    clients.push(client);
  }
  return clients;
}

/** The first of `clients` is refused, the last goes on with `rest`, and others are served. */
async function checkShed(server: Server, clients: readonly Client[], rest: string): Promise<void> {
  const answer = await (clients[0] as Client).rest();
  assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*Retry-After: 1\r\n/);
  await server.running.stderr.find(SHED);
  const last = clients.at(-1) as Client;
  last.send(rest);
  assert.equal(status(await last.maybeResponse("GET")), 200);
  assert.equal((await server.get("/echo/other")).body, "/echo/other");
  assert.doesNotMatch(server.log, /Gateway/);
  for (const client of clients) client.close();
}

describe("unfinished requests that together take too much memory", () => {
  it("are refused, the oldest first, while their heads are not complete", async (t) => {
    const server = await Server.start(t, ["basics"], SMALL_HEAP);
    const clients = await connectAll(server, 400, BEGIN + LARGE_FIELDS);
    await checkShed(server, clients, "\r\n");
  });

  it("are refused, the oldest first, while their bodies are not complete", async (t) => {
    const server = await Server.start(t, ["--access-logfile", "-", "basics"], SMALL_HEAP);
    const head = `${BEGIN.replace("GET", "POST")}Content-Length: 2\r\n${LARGE_FIELDS}\r\n`;
    const clients = await connectAll(server, 400, `${head}x`);
    await checkShed(server, clients, "x");
    await server.running.stdout.find(/"POST \/echo HTTP\/1\.1" 503 /);
  });

  it("are dropped when they were sent ahead, after the response that is due", async (t) => {
    const server = await Server.start(t, ["basics"], SMALL_HEAP);
    const directory = temporaryDirectory();
    const holding = server.get(`/hold/one?${directory}`);
    await fileAppears(join(directory, "began-one"));
    const ahead = `${BEGIN.replace("/echo", "/echo/ahead")}${field(8000).repeat(7)}\r\n`;
    const clients = await connectAll(server, 700, `${BEGIN}\r\n${ahead}`);
    await server.running.stderr.find(SHED);
    letGo(directory);
    await holding;
    const [first, last] = [clients[0] as Client, clients.at(-1) as Client];
    const answer = await first.rest();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n[\s\S]*\/echo$/);
    assert.equal((await last.maybeResponse("GET"))?.body, "/echo");
    assert.equal((await last.maybeResponse("GET"))?.body, "/echo/ahead");
    for (const client of clients) client.close();
  });
});
