import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MarshalWriter, marshalKey } from "../../../src/queue/marshal.ts";
import { readMarshalDict } from "../../../src/queue/marshal-reader.ts";

describe("a marshal dict that is read back", () => {
  it("is what was written, whatever its strings", () => {
    const written = new Map([
      ["SHORT", "a"],
      ["EMPTY", ""],
      ["LATIN", "\xe9\x80"],
      ["LONG", "x".repeat(300)],
      ["LONG_LATIN", "\xe9".repeat(300)],
      ["FRESH_\xe9", "b"],
    ]);
    const writer = new MarshalWriter(16);
    writer.beginDict();
    for (const [key, value] of written) {
      if (key.startsWith("FRESH")) writer.freshKey(key);
      else writer.key(marshalKey(key));
      writer.string(value);
    }
    writer.endDict();
    assert.deepEqual(readMarshalDict(writer.buffer.subarray(0, writer.position)), written);
  });

  it("is refused when it is something else", () => {
    assert.throws(() => readMarshalDict(Buffer.alloc(0)), RangeError);
    assert.throws(() => readMarshalDict(Buffer.from("[0")), RangeError);
    assert.throws(() => readMarshalDict(Buffer.from("{i\0\0\0\x000")), RangeError);
  });
});
