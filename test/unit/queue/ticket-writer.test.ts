import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { closeSync, constants, mkdtempSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { PIPE_BUF_BYTES, TICKET_BYTES } from "../../../src/queue/layout.ts";
import { TicketWriter } from "../../../src/queue/ticket-writer.ts";
import { Random } from "../random.ts";
import { replaceFs } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const GATEWAY = 3;
/** More than a pipe takes (64 KiB by default). */
const TOO_MANY = 6000;

/** The other end: what workers would read. */
class Reader {
  readonly path = join(mkdtempSync(join(ROOT, "case-")), "tickets");
  readonly #fd: number;

  constructor(t: TestContext) {
    execFileSync("mkfifo", [this.path]);
    this.#fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    t.after(() => closeSync(this.#fd));
  }

  /** Ids of the tickets that are there, at most `count`, read one by one as workers do. */
  ids(count = Number.POSITIVE_INFINITY): number[] {
    const ids: number[] = [];
    const ticket = Buffer.alloc(TICKET_BYTES);
    while (ids.length < count && this.#readTicket(ticket)) {
      const id = ticket.readUInt32LE(4);
      assert.deepEqual(
        [0, 8, 12].map((at) => ticket.readUInt32LE(at)),
        [GATEWAY, id * 8, id * 3],
      );
      ids.push(id);
    }
    return ids;
  }

  #readTicket(ticket: Buffer): boolean {
    try {
      const length = readSync(this.#fd, ticket);
      assert.ok(length === 0 || length === TICKET_BYTES, "whole tickets only");
      return length > 0;
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return false;
    }
  }
}

function newWriter(t: TestContext, path: string): TicketWriter {
  const writer = new TicketWriter(path, GATEWAY);
  t.after(() => writer.close());
  return writer;
}

const numbers = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, nr) => first + nr);

function addAll(writer: TicketWriter, ids: readonly number[]): void {
  for (const id of ids) writer.add(id, id * 8, id * 3);
}

/** Sizes of the writes from now on. */
function watchWrites(t: TestContext): readonly number[] {
  const { writeSync } = fs;
  const sizes: number[] = [];
  replaceFs(t, "writeSync", (fd: number, bytes: Uint8Array, from: number, size: number) => {
    sizes.push(size);
    return writeSync(fd, bytes, from, size);
  });
  return sizes;
}

describe("the ticket writer", () => {
  it("opens the FIFO although no worker reads yet, and what it writes stays there", (t) => {
    const path = join(mkdtempSync(join(ROOT, "case-")), "tickets");
    execFileSync("mkfifo", [path]);
    const writer = newWriter(t, path);
    addAll(writer, [1]);
    assert.ok(writer.flush());
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    assert.equal(readSync(fd, Buffer.alloc(64)), TICKET_BYTES);
    closeSync(fd);
  });

  it("writes nothing before it is flushed", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    addAll(writer, [1, 2]);
    assert.equal(writer.pending, 2);
    assert.deepEqual(reader.ids(), []);
    assert.ok(writer.flush());
    assert.equal(writer.pending, 0);
    assert.deepEqual(reader.ids(), [1, 2]);
  });

  it("has nothing to write when nothing was added", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    const sizes = watchWrites(t);
    assert.ok(writer.flush());
    assert.deepEqual(sizes, []);
  });

  it("writes many tickets with few writes, each small enough to be atomic", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    const sizes = watchWrites(t);
    addAll(writer, numbers(1, 600));
    assert.ok(writer.flush());
    assert.deepEqual(sizes, [PIPE_BUF_BYTES, PIPE_BUF_BYTES, (600 * TICKET_BYTES) % PIPE_BUF_BYTES]);
    assert.deepEqual(reader.ids(), numbers(1, 600));
  });

  it("keeps what a full FIFO does not take, and writes it in order as tickets are claimed", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    addAll(writer, numbers(1, TOO_MANY));
    assert.ok(!writer.flush());
    assert.ok(writer.pending > 0 && writer.pending < TOO_MANY);
    assert.ok(!writer.flush(), "it is full still");
    const seen = reader.ids(1000);
    addAll(writer, [TOO_MANY + 1]);
    while (!writer.flush()) seen.push(...reader.ids());
    seen.push(...reader.ids());
    assert.deepEqual(seen, numbers(1, TOO_MANY + 1));
  });

  it("fills the place of a single ticket where a batch does not fit", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    addAll(writer, numbers(1, TOO_MANY));
    writer.flush();
    const waiting = writer.pending;
    assert.deepEqual(reader.ids(1), [1]);
    // Whether the kernel has room for one now is its own affair; that it is asked for one is ours.
    const sizes = watchWrites(t);
    writer.flush();
    assert.equal(sizes[0], PIPE_BUF_BYTES);
    assert.equal(sizes[1], TICKET_BYTES);
    assert.ok(writer.pending === waiting || writer.pending === waiting - 1);
  });

  it("takes back the last tickets, which are then never written", (t) => {
    const reader = new Reader(t);
    const writer = newWriter(t, reader.path);
    addAll(writer, [1, 2, 3]);
    writer.dropLast(2);
    addAll(writer, [4]);
    writer.flush();
    assert.deepEqual(reader.ids(), [1, 4]);
  });

  it("throws what the system says when it is not that the FIFO is full", (t) => {
    const reader = new Reader(t);
    const writer = new TicketWriter(reader.path, GATEWAY);
    addAll(writer, [1]);
    writer.close();
    assert.throws(() => writer.flush(), { code: "EBADF" });
  });

  it("says when there is no FIFO", () => {
    assert.throws(() => new TicketWriter(join(ROOT, "nowhere"), GATEWAY), { code: "ENOENT" });
  });
});

describe("tickets under random use", () => {
  for (const seed of [21, 22]) {
    it(`are neither lost nor doubled, and stay in order (seed ${seed})`, (t) => {
      const random = new Random(seed);
      const reader = new Reader(t);
      const writer = newWriter(t, reader.path);
      const seen: number[] = [];
      let last = 0;
      for (let round = 0; round < 60; round++) {
        const ids = numbers(last + 1, last + random.below(700));
        addAll(writer, ids);
        last += ids.length;
        if (random.below(3) > 0) writer.flush();
        seen.push(...reader.ids(random.below(600)));
      }
      while (!writer.flush()) seen.push(...reader.ids());
      seen.push(...reader.ids());
      assert.deepEqual(seen, numbers(1, last));
    });
  }
});
