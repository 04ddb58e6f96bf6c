import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  FRAME,
  FRAME_BODY,
  FRAME_EARLY_HINTS,
  FRAME_END,
  FRAME_HEAD,
  FRAME_HELLO,
  FRAME_WHOLE,
} from "../../../src/queue/layout.ts";
import { type FrameHeader, ReplyReader, type ReplySink } from "../../../src/queue/reply-reader.ts";
import { Random } from "../random.ts";
import { loadFrames } from "./vectors.ts";

interface SeenFrame extends FrameHeader {
  payload: string;
  complete: boolean;
  /** How many bytes of the payload came with the frame's beginning. */
  atOnce: number;
}

/** Puts the parts of each frame together, and checks what a reader promises of them. */
class Collector implements ReplySink {
  readonly frames: SeenFrame[] = [];
  readonly faults: string[] = [];

  onFrame(frame: FrameHeader, bytes: Buffer, start: number, end: number, complete: boolean): void {
    assert.ok(this.frames.at(-1)?.complete ?? true, "the frame before is complete");
    assert.ok(end - start >= Math.min(frame.headLength, frame.payloadLength), "the whole head at least");
    const payload = bytes.toString("latin1", start, end);
    this.frames.push({ ...frame, payload, complete, atOnce: end - start });
    this.#check();
  }

  onMore(ticket: number, bytes: Buffer, start: number, end: number, complete: boolean): void {
    const frame = this.frames.at(-1);
    assert.ok(frame !== undefined && !frame.complete && frame.ticket === ticket, "of the frame begun last");
    frame.payload += bytes.toString("latin1", start, end);
    frame.complete = complete;
    this.#check();
  }

  onUnreadable(fault: string): void {
    this.faults.push(fault);
  }

  /** The frames without how they were cut. */
  get result(): readonly object[] {
    return this.frames.map(({ atOnce: _, ...frame }) => frame);
  }

  #check(): void {
    const { payload, payloadLength, complete } = this.frames.at(-1) as SeenFrame;
    assert.ok(payload.length <= payloadLength);
    assert.equal(complete, payload.length === payloadLength);
  }
}

interface FrameParts {
  readonly kind: number;
  readonly ticket?: number;
  readonly head?: string;
  readonly body?: string;
}

function encoded({ kind, ticket = 1, head = "", body = "" }: FrameParts): Buffer {
  const header = Buffer.alloc(FRAME.headerBytes);
  header.writeUInt32LE(head.length + body.length, FRAME.payloadLength);
  header.writeUInt8(kind, FRAME.kind);
  header.writeUInt32LE(ticket, FRAME.ticket);
  header.writeUInt32LE(head.length, FRAME.headLength);
  header.writeDoubleLE(-1, FRAME.contentLength);
  return Buffer.concat([header, Buffer.from(head + body, "latin1")]);
}

/** Reads `bytes` in pieces of the sizes given; each piece is overwritten afterwards, as a socket may do. */
function readInPieces(bytes: Buffer, nextSize: () => number): Collector {
  const collector = new Collector();
  const reader = new ReplyReader(collector);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + nextSize());
    const piece = Buffer.from(bytes.subarray(at, end));
    reader.read(piece);
    piece.fill(0xaa);
    at = end;
  }
  return collector;
}

const readWhole = (bytes: Buffer): Collector => readInPieces(bytes, () => bytes.length);

const SEQUENCES: Readonly<Record<string, readonly FrameParts[]>> = {
  "a whole reply": [{ kind: FRAME_WHOLE, head: "200 OK\r\nA: b\r\n", body: "hello" }],
  "a whole reply without a body": [{ kind: FRAME_WHOLE, head: "204 No Content\r\n" }],
  "a streamed reply": [
    { kind: FRAME_HEAD, head: "200 OK\r\n", body: "first" },
    { kind: FRAME_BODY, body: "second" },
    { kind: FRAME_BODY, body: "x".repeat(5000) },
    { kind: FRAME_END },
  ],
  "early hints, then the reply": [
    { kind: FRAME_EARLY_HINTS, head: "Link: </a.css>; rel=preload\r\n" },
    { kind: FRAME_WHOLE, head: "200 OK\r\n", body: "after" },
  ],
  "replies one behind the other": [1, 2, 3].map((ticket) => ({
    kind: FRAME_WHOLE,
    ticket,
    head: "200 OK\r\n",
    body: "y".repeat(ticket),
  })),
  "a body that holds frames": [
    { kind: FRAME_BODY, body: encoded({ kind: FRAME_END, ticket: 9 }).toString("latin1") },
    { kind: FRAME_END },
  ],
  "bodies of no bytes": [{ kind: FRAME_BODY }, { kind: FRAME_HEAD, head: "200 OK\r\n" }, { kind: FRAME_END }],
};

describe("the reply reader", () => {
  const sequences = {
    ...Object.fromEntries(
      Object.entries(SEQUENCES).map(([title, frames]) => [title, Buffer.concat(frames.map(encoded))]),
    ),
    "every golden frame": Buffer.concat(loadFrames().map(({ bytes }) => bytes)),
  };

  for (const [title, bytes] of Object.entries(sequences)) {
    it(`reads the same, however it is cut: ${title}`, () => {
      const { result } = readWhole(bytes);
      assert.deepEqual(readInPieces(bytes, () => 1).result, result);
      for (let size = 2; size < 60; size++) assert.deepEqual(readInPieces(bytes, () => size).result, result);
      const random = new Random(bytes.length);
      for (let round = 0; round < 50; round++) {
        assert.deepEqual(readInPieces(bytes, () => random.between(1, 80)).result, result);
      }
    });
  }

  it("delivers every frame that a read completes, in order", () => {
    const frames = SEQUENCES["a streamed reply"] as readonly FrameParts[];
    const collector = readWhole(Buffer.concat(frames.map(encoded)));
    assert.deepEqual(
      collector.frames.map(({ kind, payload, complete }) => ({ kind, payload, complete })),
      frames.map(({ kind, head = "", body = "" }) => ({ kind, payload: head + body, complete: true })),
    );
  });

  it("keeps a frame back until its head is complete", () => {
    const bytes = encoded({ kind: FRAME_HEAD, head: "200 OK\r\nLonger: field\r\n", body: "rest" });
    const headEnd = bytes.length - "rest".length;
    const collector = new Collector();
    const reader = new ReplyReader(collector);
    reader.read(bytes.subarray(0, headEnd - 1));
    assert.equal(collector.frames.length, 0);
    reader.read(bytes.subarray(headEnd - 1, headEnd));
    assert.equal(collector.frames[0]?.atOnce, headEnd - FRAME.headerBytes);
    assert.equal(collector.frames[0]?.complete, false);
  });

  it("delivers the data of a long frame as it comes, without keeping it", () => {
    const bytes = encoded({ kind: FRAME_BODY, body: "abcdef" });
    const collector = new Collector();
    const reader = new ReplyReader(collector);
    reader.read(bytes.subarray(0, FRAME.headerBytes + 2));
    assert.equal(collector.frames[0]?.payload, "ab");
    reader.read(bytes.subarray(FRAME.headerBytes + 2, -1));
    assert.equal(collector.frames[0]?.payload, "abcde");
    reader.read(bytes.subarray(-1));
    assert.equal(collector.frames[0]?.payload, "abcdef");
  });

  it("copies nothing of a frame that lies whole in what was read", () => {
    const bytes = encoded({ kind: FRAME_WHOLE, head: "200 OK\r\n", body: "hello" });
    const views: Buffer[] = [];
    const reader = new ReplyReader({
      onFrame: (_frame, chunk) => views.push(chunk),
      onMore: () => assert.fail("the frame is whole"),
      onUnreadable: (fault) => assert.fail(fault),
    });
    reader.read(bytes);
    assert.equal(views[0], bytes);
  });

  it("takes the slot of a HELLO for no head", () => {
    const hello = encoded({ kind: FRAME_HELLO });
    hello.writeUInt32LE(5000, FRAME.headLength);
    const { frames } = readWhole(hello);
    assert.equal(frames.length, 1);
    assert.equal(frames[0]?.headLength, 5000);
  });
});
