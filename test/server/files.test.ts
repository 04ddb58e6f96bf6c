import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const BYTES = 300_000;
/** What the gateway copies. */
const SMALL_BYTES = 200_000;
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
async function stall(t: TestContext, server: Server, path: string, kind = "whole"): Promise<Socket> {
  const socket = connect(server.address);
  t.after(() => socket.destroy());
  socket.write(`GET /${kind}?${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
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

/** Large files are handed over only when they have been left alone for a while. Nothing else about this time matters. */
async function settled(path: string): Promise<string> {
  await eventually(() => Date.now() - statSync(path).ctimeMs > 2_100);
  return path;
}

/** How often `close()` of the wrapper was called. */
function closings(path: string): number {
  return existsSync(`${path}.closed`) ? readFileSync(`${path}.closed`, "utf8").split("\n").length - 1 : 0;
}

/** All that the stalled client gets in the end, its head included. */
async function rest(client: Socket): Promise<number> {
  let received = 0;
  client.on("data", (bytes: Buffer) => {
    received += bytes.length;
  });
  await new Promise((resolve) => client.once("close", resolve).resume());
  return received;
}

const text = (start: number, end = BYTES): string => CONTENT.toString("latin1", start, end);

describe("a file of wsgi.file_wrapper", () => {
  it("is sent whole, with its length, and the connection goes on", async (t) => {
    const server = await Server.start(t, ["--access-logfile", "-", "files"]);
    const client = await server.connect();
    for (const path of [await settled(file()), file(SMALL_BYTES)]) {
      client.send(`GET /whole?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const response = await client.maybeResponse("GET");
      const bytes = statSync(path).size;
      assert.ok(response?.body === text(0, bytes), `${bytes} bytes`);
      assert.ok(response.fields.includes(`Content-Length: ${bytes}`));
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

  for (const words of [[], ["--threads", "2"]]) {
    it(`does not hold a worker for clients that do not read, and is closed when they leave ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "files"]);
      const path = await settled(file(LARGE_BYTES));
      const clients = await Promise.all([1, 2, 3].map(() => stall(t, server, path, "noted")));
      assert.equal((await server.get("/")).body, "ok");
      assert.equal(await gatewayHasOpen(server, path), clients.length);
      assert.equal(closings(path), 0, "they are still read");
      for (const client of clients) client.destroy();
      await eventually(async () => (await gatewayHasOpen(server, path)) === 0);
      await eventually(() => closings(path) === clients.length);
      assert.equal((await server.get("/")).body, "ok");
    });

    it(`is closed by the application's own close(), once, after its last byte was read ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "files"]);
      const [large, small] = [file(LARGE_BYTES), file(SMALL_BYTES)];
      await settled(large);
      const client = await stall(t, server, large, "noted");
      assert.equal((await server.get(`/noted?${small}`)).body.length, SMALL_BYTES);
      await eventually(() => closings(small) === 1);
      assert.equal(closings(large), 0);
      assert.ok((await rest(client)) > LARGE_BYTES - 2 ** 20);
      await eventually(() => closings(large) === 1);
      for (let again = 0; again < 4; again++) assert.equal((await server.get("/")).body, "ok");
      assert.deepEqual([closings(large), closings(small)], [1, 1]);
    });
  }

  it("is closed at once when the response has no body", async (t) => {
    const server = await Server.start(t, ["files"]);
    const path = await settled(file(LARGE_BYTES));
    const client = await server.connect();
    client.send(`HEAD /noted?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal(status(await client.maybeResponse("HEAD")), 200);
    await eventually(() => closings(path) === 1);
    client.send(`GET /not-modified?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal(status(await client.maybeResponse("GET")), 304);
    await eventually(() => closings(path) === 2);
    client.close();
  });

  it("whose close() raises costs a line of the log and nothing else", async (t) => {
    const server = await Server.start(t, ["files"], {
      trouble: /Error closing a file|Traceback|raised by close/,
    });
    const path = await settled(file());
    assert.ok((await server.get(`/close-raises?${path}`)).body === text(0));
    await server.running.stderr.find(/\[ERROR\] Error closing a file that was sent/);
    assert.equal((await server.get("/")).body, "ok");
    assert.equal(server.booted.length, 1);
  });

  it("whose close() hangs costs its worker when timeout has passed", async (t) => {
    const server = await Server.start(t, ["--timeout", "1", "files"], {
      trouble: /WORKER TIMEOUT|Stacks of worker|was sent SIGKILL|exited with code/,
    });
    const path = `${file()}-hangs`;
    writeFileSync(path, CONTENT);
    await settled(path);
    assert.ok((await server.get(`/noted?${path}`)).body === text(0));
    await server.running.stderr.find(/WORKER TIMEOUT/);
    await server.running.stderr.find(/in noted\b/);
    await server.running.stderr.count(/Booting worker/, 2);
    assert.equal((await server.get("/")).body, "ok");
  });

  it("is closed when the gateway dies that sends it", async (t) => {
    const server = await Server.start(t, ["files"], { trouble: /SIGKILL|[Gg]ateway/ });
    const path = await settled(file(LARGE_BYTES));
    await stall(t, server, path, "noted");
    assert.equal((await server.get("/")).body, "ok");
    process.kill(await server.child(/gateway/), "SIGKILL");
    await eventually(() => closings(path) === 1);
  });

  it("reaches its slow client whole, and is closed, although its worker leaves", async (t) => {
    const words = ["--graceful-timeout", "4", "--max-requests", "2", "files"];
    const server = await Server.start(t, words);
    const path = await settled(file(LARGE_BYTES));
    const client = await stall(t, server, path, "noted");
    await server.get("/");
    await server.running.stderr.find(/Worker exiting/);
    assert.equal(closings(path), 1);
    assert.ok((await rest(client)) > LARGE_BYTES - 2 ** 20);
  });

  const CHANGES: Readonly<Record<string, (path: string) => void>> = {
    "becomes shorter": (path) => truncateSync(path, 1000),
    "is overwritten": (path) => writeFileSync(path, Buffer.alloc(LARGE_BYTES, "!")),
    "is appended to": (path) => appendFileSync(path, "!"),
    "is overwritten, and dated back,": (path) => {
      const { atime, mtime } = statSync(path);
      writeFileSync(path, Buffer.alloc(LARGE_BYTES, "!"));
      utimesSync(path, atime, mtime);
    },
  };
  for (const [change, act] of Object.entries(CHANGES)) {
    it(`that ${change} while it is sent cuts the connection, and the log tells`, async (t) => {
      const server = await Server.start(t, ["files"], { trouble: /Response file was changed/ });
      const path = await settled(file(LARGE_BYTES));
      const client = await stall(t, server, path, "noted");
      assert.equal((await server.get("/")).body, "ok");
      act(path);
      let foreign = 0;
      client.on("data", (bytes: Buffer) => {
        if (bytes.includes("!")) foreign++;
      });
      assert.ok((await rest(client)) < LARGE_BYTES);
      assert.equal(foreign, 0, "nothing that came later was sent");
      await server.running.stderr.find(
        /Response file was changed midway in request GET \/noted\S+ from ip=\S+; answered by cutting the connection/,
      );
      await eventually(() => closings(path) === 1);
    });
  }

  const HARMLESS: Readonly<Record<string, (path: string) => void>> = {
    deleted: (path) => rmSync(path),
    renamed: (path) => renameSync(path, `${path}.old`),
    "given other rights": (path) => chmodSync(path, 0o600),
    replaced: (path) => {
      writeFileSync(`${path}.new`, "another");
      renameSync(`${path}.new`, path);
    },
  };
  for (const [kind, act] of Object.entries(HARMLESS)) {
    it(`is sent whole when it is ${kind} while it is sent`, async (t) => {
      const server = await Server.start(t, ["files"]);
      const path = await settled(file(LARGE_BYTES));
      const client = await stall(t, server, path);
      assert.equal((await server.get("/")).body, "ok");
      act(path);
      assert.ok((await rest(client)) > LARGE_BYTES - 2 ** 20);
    });
  }

  for (const bytes of [SMALL_BYTES, 20 * BYTES]) {
    it(`of ${bytes} bytes that is written anew for each request is each client's own`, async (t) => {
      const server = await Server.start(t, ["files"]);
      const path = file(bytes);
      const client = await server.connect();
      client.pause();
      client.send(`GET /whole?${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.equal((await server.get("/")).body, "ok"); // so the worker is done with it
      writeFileSync(path, Buffer.alloc(bytes, "!"));
      assert.ok((await server.get(`/whole?${path}`)).body === "!".repeat(bytes));
      client.resume();
      const { body } = (await client.maybeResponse("GET")) ?? { body: "" };
      assert.equal(body.length, bytes);
      assert.ok(!body.includes("!"));
      client.close();
    });
  }

  it("is read by the worker when sendfile is off", async (t) => {
    const server = await Server.start(t, ["--no-sendfile", "files"]);
    const response = await server.get(`/whole?${file()}`);
    assert.ok(response.body === text(0));
    assert.equal(response.framing, "chunked");
  });
});
