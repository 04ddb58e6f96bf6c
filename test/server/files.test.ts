import assert from "node:assert/strict";
import { readdirSync, readlinkSync, truncateSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

const BYTES = 300_000;
/** More than sockets and memory of the gateway take before somebody waits. */
const LARGE_BYTES = 50_000_000;

const CONTENT = Buffer.alloc(BYTES);
for (let at = 0; at < BYTES; at++) CONTENT[at] = 0x41 + ((at * 7 + (at >> 8)) % 26);

function file(length = BYTES): string {
  const path = join(temporaryDirectory(), "file");
  const content = Buffer.alloc(length);
  for (let at = 0; at < length; at += BYTES) CONTENT.copy(content, at);
  writeFileSync(path, content);
  return path;
}

/** A client that has had the beginning of the response and reads no more. */
async function stall(t: TestContext, server: Server, path: string): Promise<Socket> {
  const socket = connect(server.address);
  t.after(() => socket.destroy());
  socket.write(`GET /whole?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket.pause();
}

async function gatewayHasOpen(server: Server, path: string): Promise<number> {
  const gateway = await server.child(/gateway/);
  return readdirSync(`/proc/${gateway}/fd`).filter((fd) => targetOf(`/proc/${gateway}/fd/${fd}`) === path)
    .length;
}

/** Empty when it has just been closed. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

const text = (start: number, end = BYTES): string => CONTENT.toString("latin1", start, end);

describe("a file of wsgi.file_wrapper", () => {
  it("is sent whole, with its length, and the connection goes on", async (t) => {
    const server = await Server.start(t, ["--access-logfile", "-", "files"]);
    const client = await server.connect();
    for (const nr of [1, 2]) {
      client.send(`GET /whole?${file()} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const response = await client.maybeResponse("GET");
      assert.ok(response?.body === text(0), `response ${nr}`);
      assert.ok(response.fields.includes(`Content-Length: ${BYTES}`));
    }
    client.close();
    await server.running.stdout.find(new RegExp(`" 200 ${BYTES} "`));
  });

  it("is sent from where the application has read to", async (t) => {
    const server = await Server.start(t, ["files"]);
    assert.ok((await server.get(`/from-10?${file()}`)).body === text(10));
  });

  it("is cut at the application's Content-Length", async (t) => {
    const server = await Server.start(t, ["files"]);
    assert.ok((await server.get(`/first-100000?${file()}`)).body === text(0, 100_000));
  });

  it("that is shorter than the application's Content-Length closes the connection", async (t) => {
    const server = await Server.start(t, ["files"]);
    const response = await server.get(`/promises-more?${file()}`);
    assert.equal(response.framing, "cut");
    assert.equal(response.body.length, BYTES);
  });

  it("is not sent for HEAD", async (t) => {
    const server = await Server.start(t, ["files"]);
    const client = await server.connect();
    const path = file();
    client.send(`HEAD /whole?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await client.maybeResponse("HEAD"))?.statusLine, "HTTP/1.1 200 OK");
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await client.maybeResponse("GET"))?.body, "ok");
    client.close();
    assert.equal(await gatewayHasOpen(server, path), 0);
  });

  for (const kind of ["deleted", "replaced"]) {
    it(`is the one that the application has opened, also when it is ${kind} meanwhile`, async (t) => {
      const server = await Server.start(t, ["files"]);
      assert.ok((await server.get(`/${kind}?${file()}`)).body === text(0));
    });
  }

  it("does not hold a worker for clients that do not read, and is closed when they leave", async (t) => {
    const server = await Server.start(t, ["files"]);
    const path = file(LARGE_BYTES);
    const clients = await Promise.all([1, 2, 3].map(() => stall(t, server, path)));
    assert.equal((await server.get("/")).body, "ok");
    assert.equal(await gatewayHasOpen(server, path), clients.length);
    for (const client of clients) client.destroy();
    await eventually(async () => (await gatewayHasOpen(server, path)) === 0);
  });

  it("that becomes shorter while it is sent cuts the connection, and the log tells", async (t) => {
    const server = await Server.start(t, ["files"], { trouble: /A file could not be read on/ });
    const path = file(LARGE_BYTES);
    const client = await stall(t, server, path);
    truncateSync(path, 1000);
    let received = 0;
    client.on("data", (bytes: Buffer) => {
      received += bytes.length;
    });
    await new Promise((resolve) => client.once("close", resolve).resume());
    assert.ok(received < LARGE_BYTES);
    await server.running.stderr.find(
      /A file could not be read on \(the file has become shorter\) for request GET \/whole/,
    );
  });

  it("is read by the worker when sendfile is off", async (t) => {
    const server = await Server.start(t, ["--no-sendfile", "files"]);
    const response = await server.get(`/whole?${file()}`);
    assert.ok(response.body === text(0));
    assert.equal(response.framing, "chunked");
  });
});
