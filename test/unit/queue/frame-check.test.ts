import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameCheck } from "../../../src/queue/frame-check.ts";
import {
  FILE,
  FRAME,
  FRAME_BODY,
  FRAME_EARLY_HINTS,
  FRAME_END,
  FRAME_FAIL,
  FRAME_FILE,
  FRAME_HEAD,
  FRAME_HELLO,
  FRAME_WHOLE,
  PROTOCOL_VERSION,
} from "../../../src/queue/layout.ts";
import { HEAD_BYTES, ReplyReader } from "../../../src/queue/reply-reader.ts";
import { Random } from "../random.ts";

interface Parts {
  readonly kind: number;
  readonly ticket?: number;
  readonly head?: string;
  readonly body?: string;
  readonly status?: number;
  readonly flags?: number;
  readonly contentLength?: number;
  readonly claimed?: number;
  /** Instead of those that the head and the body have. */
  readonly headLength?: number;
  readonly payloadLength?: number;
}

const TICKET = 7;
const OK = "200 OK\r\n";

function encoded({ kind, ticket = TICKET, head = "", body = "", status = 200, ...rest }: Parts): Buffer {
  const bytes = Buffer.alloc(FRAME.headerBytes + head.length + body.length);
  bytes.writeUInt32LE(rest.payloadLength ?? head.length + body.length, FRAME.payloadLength);
  bytes[FRAME.kind] = kind;
  bytes[FRAME.flags] = rest.flags ?? 0;
  bytes.writeUInt16LE(status, FRAME.status);
  bytes.writeUInt32LE(ticket, FRAME.ticket);
  bytes.writeUInt32LE(rest.headLength ?? head.length, FRAME.headLength);
  bytes.writeDoubleLE(rest.contentLength ?? -1, FRAME.contentLength);
  bytes.writeDoubleLE(rest.claimed ?? 1234.5, FRAME.claimed);
  bytes.write(head + body, FRAME.headerBytes, "latin1");
  return bytes;
}

const hello = (parts: Partial<Parts> = {}): Parts => ({
  kind: FRAME_HELLO,
  ticket: 1,
  status: PROTOCOL_VERSION,
  contentLength: 4711,
  claimed: 0,
  ...parts,
});
const whole = (parts: Partial<Parts> = {}): Parts => ({ kind: FRAME_WHOLE, head: OK, ...parts });
const begin = (parts: Partial<Parts> = {}): Parts => ({ kind: FRAME_HEAD, head: OK, ...parts });
const body = (parts: Partial<Parts> = {}): Parts => ({ kind: FRAME_BODY, body: "some", ...parts });
const end = (parts: Partial<Parts> = {}): Parts => ({ kind: FRAME_END, ...parts });
const fail = (parts: Partial<Parts> = {}): Parts => ({ kind: FRAME_FAIL, ...parts });
const hints = (parts: Partial<Parts> = {}): Parts => ({
  kind: FRAME_EARLY_HINTS,
  head: "Link: </a>\r\n",
  ...parts,
});

interface FileParts {
  readonly path?: string;
  readonly length?: bigint;
  readonly offset?: bigint;
  readonly head?: string;
  readonly headLength?: number;
}

function file({
  path = "/srv/file",
  length = 70_000n,
  offset = 0n,
  head = OK,
  headLength,
}: FileParts = {}): Parts {
  const info = Buffer.alloc(FILE.infoBytes);
  info.writeBigUInt64LE(offset, FILE.offset);
  info.writeBigUInt64LE(length, FILE.length);
  info.writeUInt32LE(headLength ?? head.length, FILE.headLength);
  return { kind: FRAME_FILE, head: info.toString("latin1") + head + path };
}

/** Reads as a stream does, and stops at the first fault. */
class Stream {
  readonly kinds: number[] = [];
  readonly faults: string[] = [];
  readonly #check = new FrameCheck();
  readonly reader: ReplyReader;

  constructor() {
    this.reader = new ReplyReader({
      onFrame: (frame, bytes, start) => {
        const fault = this.#check.maybeFault(frame, bytes, start);
        if (fault === null) this.kinds.push(frame.kind);
        else this.#refuse(fault);
      },
      onMore: () => {},
      onUnreadable: (fault) => this.#refuse(fault),
    });
  }

  #refuse(fault: string): void {
    this.reader.stop();
    this.faults.push(fault);
  }
}

function read(...frames: readonly Parts[]): Stream {
  const stream = new Stream();
  stream.reader.read(Buffer.concat(frames.map(encoded)));
  return stream;
}

const GOOD: Readonly<Record<string, readonly Parts[]>> = {
  "a whole reply": [hello(), whole({ body: "hello" })],
  "a streamed reply": [hello(), begin({ body: "first" }), body(), body({ body: "" }), end()],
  "replies one behind the other": [
    hello(),
    whole(),
    whole({ ticket: 8 }),
    begin({ ticket: 9 }),
    end({ ticket: 9 }),
    fail({ ticket: 10 }),
  ],
  "early hints": [hello(), hints(), hints({ head: "" }), whole()],
  "a reply that fails before its head": [hello(), fail()],
  "a reply that fails amidst its body": [hello(), begin(), body(), fail()],
  "the answer to a probe": [hello(), end(), whole({ ticket: 8 })],
  "a file that is taken": [hello(), file(), end()],
  "a file that is not taken": [hello(), file(), begin(), body(), end()],
  "a file that is not taken, in one piece": [hello(), file(), whole()],
  "fields of every kind": [
    hello(),
    whole({
      head: "299\r\nContent-Length: 4\r\nX: \xe4 b\t\r\nSet-Cookie: a=b; c\r\nEmpty:\r\n",
      status: 299,
      contentLength: 4,
      body: "four",
    }),
  ],
  "a Content-Length of nothing": [hello(), whole({ head: `${OK}content-length: 0\r\n`, contentLength: 0 })],
};

const BAD: Readonly<Record<string, readonly Parts[]>> = {
  "a frame before HELLO": [whole()],
  "an end before HELLO": [end()],
  "a second HELLO": [hello(), hello()],
  "a HELLO with a payload": [hello({ body: "x" })],
  "a HELLO with a payload that never comes": [hello({ payloadLength: 0xffffffff })],
  "a HELLO without an age": [hello({ ticket: 0 })],
  "a HELLO without a pid": [hello({ contentLength: Number.NaN })],
  "a HELLO with a broken pid": [hello({ contentLength: 1.5 })],
  "a HELLO with a negative pid": [hello({ contentLength: -1 })],
  "a HELLO with a huge pid": [hello({ contentLength: 1e300 })],
  "an unknown kind": [hello(), { kind: 99 }],
  "kind 0": [hello(), { kind: 0 }],
  "a body without a head": [hello(), body()],
  "a body of another reply": [hello(), begin(), body({ ticket: 8 })],
  "a body with a head": [hello(), begin(), body({ head: OK })],
  "a body behind the end": [hello(), whole(), body()],
  "an end with a payload": [hello(), begin(), end({ body: "x" })],
  "the end of another reply": [hello(), begin(), end({ ticket: 8 })],
  "two ends": [hello(), begin(), end(), end()],
  "a failure behind the end": [hello(), whole(), fail()],
  "two replies": [hello(), whole(), whole()],
  "two heads": [hello(), begin(), begin()],
  "a whole reply amidst another": [hello(), begin(), whole({ ticket: 8 })],
  "a whole reply amidst its own": [hello(), begin(), whole()],
  "a file amidst a reply": [hello(), begin(), file()],
  "two files": [hello(), file(), file()],
  "another reply while a file is offered": [hello(), file(), whole({ ticket: 8 })],
  "early hints amidst a reply": [hello(), begin(), hints()],
  "early hints behind a reply": [hello(), whole(), hints()],
  "early hints with a body": [hello(), hints({ body: "x" })],
  "early hints that end the head": [hello(), hints({ head: "Link: </a>\r\n\r\n" })],
  "early hints without an end of line": [hello(), hints({ head: "Link: </a>" })],
  "early hints with a length": [hello(), hints({ head: "Content-Length: 5\r\n" })],
  "a reply without a head": [hello(), whole({ head: "" })],
  "a reply without a ticket": [hello(), whole({ ticket: 0 })],
  "more head than payload": [hello(), whole({ headLength: 4_000_000_000 })],
  "a head beyond the limit": [hello(), whole({ headLength: HEAD_BYTES + 1, payloadLength: 0xffffffff })],
  "unknown flags": [hello(), whole({ flags: 2 })],
  "a status of 1xx": [hello(), whole({ head: "100 Continue\r\n", status: 100 })],
  "a status of 0": [hello(), whole({ head: "000 \r\n", status: 0 })],
  "a status of four digits": [hello(), whole({ head: "1000 X\r\n", status: 1000 })],
  "a status of 65535": [hello(), whole({ status: 65535 })],
  "another status in the head": [hello(), whole({ status: 204 })],
  "a status that is no number": [hello(), whole({ head: "2x0 OK\r\n" })],
  "a status line without an end": [hello(), whole({ head: "200 OK" })],
  "a status line with a line feed alone": [hello(), whole({ head: "200 OK\nX: y\r\n" })],
  "a reason phrase with NUL": [hello(), whole({ head: "200 O\0K\r\n" })],
  "no space behind the status": [hello(), whole({ head: "200OK\r\n" })],
  "a response in the head": [hello(), whole({ head: `${OK}X: 1\r\n\r\nHTTP/1.1 200 OK\r\n` })],
  "an empty line at the end of the head": [hello(), whole({ head: `${OK}X: 1\r\n\r\n` })],
  "a field with a line feed alone": [hello(), whole({ head: `${OK}X: 1\nSet-Cookie: a=b\r\n` })],
  "a field with a carriage return alone": [hello(), whole({ head: `${OK}X: 1\rSet-Cookie: a=b\r\n` })],
  "a field with NUL": [hello(), whole({ head: `${OK}X: a\0b\r\n` })],
  "a field without a name": [hello(), whole({ head: `${OK}: 1\r\n` })],
  "a field with a space in its name": [hello(), whole({ head: `${OK}X Y: 1\r\n` })],
  "a field that goes on": [hello(), whole({ head: `${OK}X: 1\r\n 2\r\n` })],
  "a field without a colon": [hello(), whole({ head: `${OK}X\r\n` })],
  "a field without an end": [hello(), whole({ head: `${OK}X: 1\r` })],
  "a Transfer-Encoding": [hello(), whole({ head: `${OK}transfer-Encoding: chunked\r\n` })],
  "a Connection": [hello(), whole({ head: `${OK}Connection: close\r\n` })],
  "a Content-Length in the head alone": [hello(), whole({ head: `${OK}Content-Length: 5\r\n` })],
  "a Content-Length in the frame alone": [hello(), whole({ contentLength: 5 })],
  "another Content-Length": [hello(), whole({ head: `${OK}Content-Length: 5\r\n`, contentLength: 6 })],
  "two Content-Lengths": [
    hello(),
    whole({ head: `${OK}Content-Length: 5\r\nContent-Length: 5\r\n`, contentLength: 5 }),
  ],
  "a Content-Length that is no number": [
    hello(),
    whole({ head: `${OK}Content-Length: 0x5\r\n`, contentLength: 5 }),
  ],
  "a negative length": [hello(), whole({ contentLength: -5.5 })],
  "a length of NaN": [hello(), whole({ contentLength: Number.NaN })],
  "an infinite length": [hello(), whole({ contentLength: Number.POSITIVE_INFINITY })],
  "a broken length": [hello(), whole({ contentLength: 1.5 })],
  "a length beyond all numbers": [hello(), whole({ contentLength: 2 ** 53 })],
  "claimed at NaN": [hello(), whole({ claimed: Number.NaN })],
  "claimed before time": [hello(), whole({ claimed: -1e308 })],
  "claimed at the end of time": [hello(), whole({ claimed: Number.POSITIVE_INFINITY })],
  "a file of four bytes": [hello(), { kind: FRAME_FILE, head: "abcd" }],
  "a file with a body": [hello(), { ...file(), body: "x" }],
  "a file without a path": [hello(), file({ path: "" })],
  "a file with a relative path": [hello(), file({ path: "etc/passwd" })],
  "a file with NUL in its path": [hello(), file({ path: "/a\0b" })],
  "a file with an endless path": [hello(), file({ path: `/${"a".repeat(5000)}` })],
  "a file of no bytes": [hello(), file({ length: 0n })],
  "a file beyond all numbers": [hello(), file({ length: 2n ** 64n - 1n })],
  "a file from beyond all numbers on": [hello(), file({ offset: 2n ** 53n })],
  "a file with a bad head": [hello(), file({ head: "200 OK\r\n\r\n" })],
  "a file with a head beyond the frame": [hello(), file({ headLength: 0xffffffff })],
};

describe("the check of frames", () => {
  for (const [title, frames] of Object.entries(GOOD)) {
    it(`passes ${title}`, () => {
      const { kinds, faults } = read(...frames);
      assert.deepEqual(faults, []);
      assert.deepEqual(
        kinds,
        frames.map(({ kind }) => kind),
      );
    });
  }

  for (const [title, frames] of Object.entries(BAD)) {
    it(`refuses ${title}`, () => {
      const { kinds, faults } = read(...frames, whole({ ticket: 1000 }));
      assert.equal(faults.length, 1, "one fault");
      assert.equal(
        kinds.length,
        frames.length - 1,
        "the frame is the first that is not delivered, and nothing follows",
      );
    });
  }

  it("refuses a file that is larger than its Content-Length", () => {
    const head = `${OK}Content-Length: 5\r\n`;
    const frame = encoded({ ...file({ head }), contentLength: 5 });
    const stream = new Stream();
    stream.reader.read(Buffer.concat([encoded(hello()), frame]));
    assert.deepEqual(stream.faults, ["a part of a file beyond its Content-Length"]);
  });

  it("takes any bytes, however they are cut, for frames or for exactly one fault", () => {
    const random = new Random(20_261_128);
    const good = Object.values(GOOD).map((frames) => Buffer.concat(frames.map(encoded)));
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(good[random.between(0, good.length - 1)] as Buffer);
      for (let change = random.between(0, 4); change > 0; change--) {
        bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
      }
      const junk = Buffer.from(Array.from({ length: random.between(0, 80) }, () => random.between(0, 255)));
      const stream = new Stream();
      readInPieces(stream, Buffer.concat(round % 3 === 0 ? [junk, bytes] : [bytes, junk]), random);
      assert.ok(stream.faults.length <= 1);
      refused += stream.faults.length;
    }
    assert.ok(refused > 1000, "most of it is no reply");
  });
});

function readInPieces(stream: Stream, bytes: Buffer, random: Random): void {
  for (let at = 0; at < bytes.length; ) {
    const next = at + random.between(1, 100);
    stream.reader.read(bytes.subarray(at, next));
    at = next;
  }
}
