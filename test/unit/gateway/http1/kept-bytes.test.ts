import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeptBytes } from "../../../../src/gateway/http1/kept-bytes.ts";

const contentOf = (kept: KeptBytes): string => kept.buffer.toString("latin1", 0, kept.length);

function keptOf(...parts: readonly string[]): KeptBytes {
  const kept = new KeptBytes();
  for (const part of parts) kept.append(Buffer.from(part), 0, part.length);
  return kept;
}

describe("kept bytes", () => {
  it("are copies, in order, of parts of what was given", () => {
    const given = Buffer.from("0123456789");
    const kept = new KeptBytes();
    kept.append(given, 2, 5);
    kept.append(given, 0, 10);
    given.fill("x");
    assert.equal(contentOf(kept), "2340123456789");
  });

  it("take at most a quarter more room than they fill, a byte at a time or all at once", () => {
    const dripped = new KeptBytes();
    for (let length = 1; length <= 10_000; length++) {
      dripped.append(Buffer.from("x"), 0, 1);
      assert.ok(dripped.capacity <= 1.25 * length + 64, `${dripped.capacity} for ${length}`);
    }
    assert.equal(contentOf(dripped), "x".repeat(10_000));
    assert.equal(keptOf("x".repeat(10_000)).capacity, 10_000);
  });

  it("can be taken, and are not kept any more then", () => {
    const kept = keptOf("one ", "two");
    const taken = kept.take();
    assert.equal(taken.toString(), "one two");
    assert.deepEqual([kept.length, kept.capacity], [0, 0]);
    kept.append(Buffer.from("three"), 0, 5);
    assert.equal(taken.toString(), "one two");
  });

  it("are forgotten with their room, or without it", () => {
    const kept = keptOf("x".repeat(100));
    kept.empty();
    assert.deepEqual([kept.length, kept.capacity], [0, 100]);
    kept.clear();
    assert.deepEqual([kept.length, kept.capacity], [0, 0]);
  });
});
