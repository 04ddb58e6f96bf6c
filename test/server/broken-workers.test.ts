/**
 * Workers that do not keep to the protocol of the queue, and bytes of nobody's in its files: they cost their own request and
 * their own worker, every other request is answered, and no request is left without an answer.
 */
import assert from "node:assert/strict";
import { closeSync, constants, ftruncateSync, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp } from "../support/programs.ts";
import { runDirectories, Server, status } from "./support/server.ts";

after(cleanUp);

const TROUBLE = { trouble: /orker \(pid:\d+\)|No reply has come|No worker has answered/ };

const GATEWAY = /gateway/;

/** What becomes of a request that may also be cut off. */
async function outcome(server: Server, path: string): Promise<string> {
  const client = await server.connect();
  client.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const response = await client.maybeResponse("GET");
  client.close();
  return response?.statusLine ?? "cut off";
}

async function answersAll(server: Server, count = 6): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, () => server.get("/")));
  assert.deepEqual(
    answers.map((answer) => status(answer)),
    answers.map(() => 200),
  );
}

const GARBAGE: readonly string[] = [
  "text",
  "half-a-header",
  "half-a-head",
  "half-a-body",
  "kind",
  "end",
  "hello",
  "huge-head",
  "file",
  "file-path",
  "status",
  "not-final",
  "nan",
  "claimed",
  "no-head",
  "body",
  "split",
  "hints",
  "no-end",
  "twice",
];

describe("a worker that sends what is no reply", () => {
  it("is killed and replaced, and only its own request is lost", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "broken_worker:application"], {
      workers: 2,
      ...TROUBLE,
    });
    const gateway = await server.child(GATEWAY);
    for (const [nr, kind] of GARBAGE.entries()) {
      const line = await outcome(server, `/garbage/${kind}`);
      // What is whole and right before the fault reaches the client; a response is never split.
      const expected = /^(half-a-body|no-end|twice)$/.test(kind) ? /cut off|200 OK/ : /502 Bad Gateway/;
      assert.match(line, expected, kind);
      await server.running.stderr.count(/Worker \(pid:\d+\) sent .*; killed/, nr + 1);
      await server.running.stderr.count(/Booting worker/, nr + 3);
      await answersAll(server);
    }
    assert.equal(await server.child(GATEWAY), gateway, "the gateway has lived through all of it");
  });

  it("cannot answer the request of another", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "broken_worker:application"], {
      workers: 2,
      ...TROUBLE,
    });
    const victim = server.get("/hold");
    await server.running.stderr.find(/^holding/m);
    await outcome(server, "/forge");
    const { statusLine, body } = await victim;
    assert.match(statusLine, /200 OK/);
    assert.match(body, /^\d+$/);
    await answersAll(server);
  });
});

describe("a request that a worker does not answer", () => {
  it("gets 502 and a line in the log when its thread is done with it", async (t) => {
    const server = await Server.start(t, ["broken_worker:application"], TROUBLE);
    assert.equal(await outcome(server, "/lose"), "HTTP/1.1 502 Bad Gateway");
    await server.running.stderr.find(
      /\[ERROR\] No reply has come from the worker that is done with request GET \/lose from ip=127\.0\.0\.1; answered 502/,
    );
    await answersAll(server);
    assert.equal(server.booted.length, 1, "the worker is none the worse for it");
  });

  it("gets 502 also while its thread is on others", async (t) => {
    const server = await Server.start(t, ["--threads", "2", "broken_worker:application"], TROUBLE);
    const lost = outcome(server, "/lose");
    let isOver = false;
    const others = (async () => {
      while (!isOver) await answersAll(server, 2);
    })();
    assert.equal(await lost, "HTTP/1.1 502 Bad Gateway");
    isOver = true;
    await others;
  });

  it("is answered all the same when the application has closed the descriptor of the stream", async (t) => {
    const server = await Server.start(t, ["broken_worker:application"], TROUBLE);
    assert.equal(await outcome(server, "/close"), "HTTP/1.1 200 OK");
    await answersAll(server);
  });

  it("is cut off when the descriptor was closed amidst the response", async (t) => {
    const server = await Server.start(t, ["broken_worker:application"], TROUBLE);
    const client = await server.connect();
    client.send("GET /cut HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert.equal((await client.maybeResponse("GET"))?.framing, "cut");
    client.close();
    await server.running.stderr.find(/GET \/cut from ip=127\.0\.0\.1; answered by cutting the connection/);
    await answersAll(server);
  });
});

describe("bytes of nobody's", () => {
  const SCENES: Readonly<Record<string, (directory: string) => void>> = {
    "a ticket of an unknown gateway": (directory) => fifo(directory, words(99, 1, 0, 0)),
    "a ticket that points beyond the arena": (directory) => fifo(directory, words(1, 1, 4_000_000_000, 0)),
    "one stray byte in the FIFO": (directory) => fifo(directory, Buffer.from("x")),
    "seventeen stray bytes in the FIFO": (directory) => fifo(directory, Buffer.alloc(17, 0x01)),
    "a FIFO of text": (directory) => fifo(directory, Buffer.alloc(4095, "text ")),
    "a scoreboard of ones": (directory) =>
      overwrite(join(directory, "scoreboard"), Buffer.alloc(4096, 0xff), 0),
    "an arena of ones": (directory) => {
      for (let at = 0; at < 64; at++) overwrite(arenaOf(directory), Buffer.alloc(4096, 0xff), at * 4096);
    },
    "an arena that was cut": (directory) => truncate(arenaOf(directory)),
  };

  for (const [title, scene] of Object.entries(SCENES)) {
    it(`cost requests at most, and the service goes on: ${title}`, async (t) => {
      const server = await Server.start(t, ["--workers", "2", "broken_worker:application"], {
        workers: 2,
        trouble: /orker|WORKER|No reply has come|No worker has answered|Cannot read a request/,
      });
      const gateway = await server.child(GATEWAY);
      const directory = runDirectories(server.pid).find((path) => readdirSync(path).includes("tickets"));
      assert.ok(directory);
      scene(directory);
      const lines = await Promise.all(Array.from({ length: 8 }, () => outcome(server, "/")));
      for (const line of lines) assert.match(line, /200 OK|502 Bad Gateway/, "each is answered");
      await answersAll(server);
      assert.equal(await server.child(GATEWAY), gateway);
    });
  }

  function words(...values: readonly number[]): Buffer {
    return Buffer.from(new Uint32Array(values).buffer);
  }

  function fifo(directory: string, bytes: Buffer): void {
    const fd = openSync(join(directory, "tickets"), constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fd, bytes);
    closeSync(fd);
  }

  const arenaOf = (directory: string): string => join(directory, "arena-1");

  function overwrite(path: string, bytes: Buffer, position: number): void {
    const fd = openSync(path, "r+");
    writeSync(fd, bytes, 0, bytes.length, position);
    closeSync(fd);
  }

  function truncate(path: string): void {
    const fd = openSync(path, "r+");
    ftruncateSync(fd, 0);
    closeSync(fd);
  }
});
