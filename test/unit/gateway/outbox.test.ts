import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs, { mkdtempSync, readdirSync, readlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Outbox } from "../../../src/gateway/outbox.ts";
import { Random } from "../random.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const PIECE = Buffer.alloc(64 * 1024, "p");
/** More than a connection, its client and the outbox's memory hold together. */
const MANY_PIECES = 64;

/** An outbox, and a client that reads only when it is told to. */
class Connection {
  readonly outbox: Outbox;
  readonly client: Socket;
  readonly directory = mkdtempSync(join(ROOT, "spool-"));
  readonly errors: Error[] = [];
  spoolDirectory = this.directory;
  readonly #spoolPaths: string[] = [];

  private constructor(socket: Socket, client: Socket) {
    this.client = client;
    this.outbox = new Outbox(socket, {
      spoolPath: () => {
        const path = join(this.spoolDirectory, String(this.#spoolPaths.length));
        this.#spoolPaths.push(path);
        return path;
      },
      onSpoolError: (error) => this.errors.push(error),
    });
  }

  static async open(t: TestContext): Promise<Connection> {
    const server = createServer();
    const path = join(mkdtempSync(join(ROOT, "case-")), "socket");
    await once(server.listen(path), "listening");
    const client = connect(path).pause();
    const [socket] = (await once(server, "connection")) as [Socket];
    server.close();
    // A client that left is no error.
    socket.on("error", () => {});
    t.after(() => {
      client.destroy();
      socket.destroy();
    });
    return new Connection(socket, client);
  }

  get hasSpooled(): boolean {
    return this.#spoolPaths.length > 0;
  }

  write(count: number, piece = PIECE): void {
    for (let left = count; left > 0; left--) this.outbox.write(Buffer.from(piece));
  }

  /** All that the client gets from now on, up to the end. */
  async rest(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.client) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  /** Descriptors of spool files, which have no name any more. */
  get openFiles(): number {
    return readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(this.directory);
      } catch {
        return false; // the one by which the directory was read
      }
    }).length;
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe("the outbox of a client that reads", () => {
  it("passes everything on at once, without a file", async (t) => {
    const connection = await Connection.open(t);
    connection.outbox.write(Buffer.from("one "));
    connection.outbox.write(Buffer.from("two"));
    assert.ok(!connection.outbox.isFull);
    connection.outbox.end();
    assert.equal((await connection.rest()).toString(), "one two");
    assert.ok(!connection.hasSpooled);
  });
});

describe("the outbox of a client that does not read", () => {
  it("puts what is too much for the memory into a file without a name", async (t) => {
    const connection = await Connection.open(t);
    connection.write(MANY_PIECES);
    assert.ok(connection.hasSpooled);
    assert.deepEqual(readdirSync(connection.directory), []);
    assert.equal(connection.openFiles, 1);
    await until(() => !connection.outbox.isFull);
    connection.outbox.end();
    const received = await connection.rest();
    assert.ok(received.equals(Buffer.alloc(MANY_PIECES * PIECE.length, "p")));
    assert.deepEqual(connection.errors, []);
  });

  it("makes the worker wait for the disk, and calls it back", async (t) => {
    const connection = await Connection.open(t);
    connection.write(MANY_PIECES);
    assert.ok(connection.outbox.isFull);
    await new Promise<void>((resolve) => connection.outbox.whenRoom(resolve));
    assert.ok(!connection.outbox.isFull);
  });

  it("knows how much the client has not taken", async (t) => {
    const connection = await Connection.open(t);
    const total = MANY_PIECES * PIECE.length;
    connection.write(MANY_PIECES);
    assert.equal(connection.outbox.waitingBytes + connection.outbox.takenBytes, total);
    assert.ok(connection.outbox.waitingBytes > 0);
    const before = connection.outbox.takenBytes;
    connection.client.resume();
    await until(() => connection.outbox.waitingBytes === 0);
    assert.equal(connection.outbox.takenBytes, total);
    assert.ok(before < total);
  });

  it("ends only when everything is sent", async (t) => {
    const connection = await Connection.open(t);
    connection.write(MANY_PIECES);
    connection.outbox.end();
    assert.equal((await connection.rest()).length, MANY_PIECES * PIECE.length);
  });

  it("lets the file go with the client, and the worker go on", async (t) => {
    const connection = await Connection.open(t);
    connection.write(MANY_PIECES);
    let hasRoom = false;
    connection.outbox.whenRoom(() => {
      hasRoom = true;
    });
    connection.client.destroy();
    await until(() => hasRoom && connection.openFiles === 0);
  });
});

describe("the outbox of a client that reads now and then", () => {
  it("uses the file again only when it is empty", async (t) => {
    const connection = await Connection.open(t);
    const { ftruncate } = fs;
    const emptying = Promise.withResolvers<() => void>();
    const restore = replaceFs(t, "ftruncate", (...args: Parameters<typeof ftruncate>) =>
      emptying.resolve(() => ftruncate(...args)),
    );
    const received: Buffer[] = [];
    connection.client.on("data", (chunk: Buffer) => received.push(chunk));
    connection.write(MANY_PIECES);
    connection.client.resume();
    const empty = await emptying.promise;
    restore();
    connection.client.pause();
    connection.write(MANY_PIECES);
    for (let count = 0; count < 20; count++) await turn();
    empty();
    connection.outbox.end();
    connection.client.resume();
    await once(connection.client, "end");
    assert.ok(Buffer.concat(received).equals(Buffer.alloc(2 * MANY_PIECES * PIECE.length, "p")));
  });

  for (const seed of [41, 42]) {
    it(`sends every byte in order, in and out of the file (seed ${seed})`, async (t) => {
      const random = new Random(seed);
      const connection = await Connection.open(t);
      const [sent, received] = [createHash("sha256"), createHash("sha256")];
      connection.client.on("data", (chunk) => received.update(chunk)).pause();
      for (let round = 0; round < 6; round++) {
        for (let count = random.between(20, 60); count > 0; count--) {
          const piece = random.bytes(4096);
          const bytes = Buffer.concat(Array.from({ length: random.between(1, 8) }, () => piece));
          sent.update(bytes);
          connection.outbox.write(bytes);
          if (random.below(8) === 0) await turn();
        }
        connection.client.resume();
        // Sometimes all of it, so that the file is emptied and used again at once.
        if (round % 2 === 0) await until(() => connection.outbox.waitingBytes === 0);
        else await turn();
        connection.client.pause();
      }
      connection.outbox.end();
      connection.client.resume();
      await once(connection.client, "end");
      assert.equal(received.digest("hex"), sent.digest("hex"));
      assert.ok(connection.hasSpooled);
      assert.deepEqual(connection.errors, []);
    });
  }
});

describe("an outbox without a disk", () => {
  it("keeps the rest in memory, makes the worker wait sooner, and loses nothing", async (t) => {
    const connection = await Connection.open(t);
    connection.spoolDirectory = join(ROOT, "nowhere", "at all");
    connection.write(MANY_PIECES);
    assert.ok(connection.outbox.isFull);
    const hasRoom = new Promise<void>((resolve) => connection.outbox.whenRoom(resolve));
    connection.outbox.end();
    assert.equal((await connection.rest()).length, MANY_PIECES * PIECE.length);
    await hasRoom;
    assert.deepEqual(
      connection.errors.map((error) => (error as NodeJS.ErrnoException).code),
      ["ENOENT"],
    );
  });

  it("does so also when the disk becomes full later", async (t) => {
    const connection = await Connection.open(t);
    connection.write(MANY_PIECES / 2);
    await until(() => !connection.outbox.isFull);
    replaceFs(t, "write", (...args: readonly unknown[]) => {
      const callback = args.at(-1) as (error: Error) => void;
      setImmediate(() => callback(systemError("ENOSPC")));
    });
    connection.write(MANY_PIECES / 2, Buffer.alloc(PIECE.length, "q"));
    connection.outbox.end();
    const received = await connection.rest();
    const half = (MANY_PIECES / 2) * PIECE.length;
    assert.ok(received.subarray(0, half).equals(Buffer.alloc(half, "p")));
    assert.ok(received.subarray(half).equals(Buffer.alloc(half, "q")));
    assert.equal(connection.errors.length, 1);
  });
});
