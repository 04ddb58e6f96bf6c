import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeFrame, FrameReader, MAX_REQUEST_BYTES, readRequest } from "../../../src/control/frames.ts";

const FRAMES = Buffer.concat([encodeFrame({ a: 1 }), encodeFrame("ü"), encodeFrame([])]);

describe("frames", () => {
  it("are read wherever the stream is cut", () => {
    for (let size = 1; size <= FRAMES.length; size++) {
      const reader = new FrameReader();
      const messages: unknown[] = [];
      for (let at = 0; at < FRAMES.length; at += size)
        messages.push(...reader.read(FRAMES.subarray(at, at + size)));
      assert.deepEqual(messages, [{ a: 1 }, "ü", []]);
    }
  });

  it("that are too long are refused by their length alone", () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(MAX_REQUEST_BYTES + 1);
    assert.throws(() => new FrameReader(MAX_REQUEST_BYTES).read(length), /too large/);
  });

  it("that are no JSON are refused", () => {
    assert.throws(() => new FrameReader().read(Buffer.from([0, 0, 0, 1, 0x7b])), SyntaxError);
  });
});

describe("a request", () => {
  it("has a command, and may have an id and words", () => {
    assert.deepEqual(readRequest({ id: 7, command: "worker", args: ["add", 2] }), {
      id: 7,
      command: "worker",
      args: ["add", "2"],
    });
    assert.deepEqual(readRequest({ command: "help", args: null }), { id: 0, command: "help", args: [] });
  });

  for (const message of [
    null,
    1,
    "x",
    [],
    true,
    { command: null },
    { command: { toString: 1 } },
    { command: "help", id: "1" },
    { command: "help", id: {} },
    { command: "help", args: "x" },
    { command: "help", args: {} },
    { command: "help", args: [null] },
    { command: "help", args: [[]] },
    { command: "help", args: [{ toString: null }] },
  ]) {
    it(`is refused when it is ${JSON.stringify(message)}`, () => {
      assert.throws(() => readRequest(message), /^Error: Invalid argument: /);
    });
  }
});
