import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Contradiction } from "../../../src/last-resort.ts";
import { Segments } from "../../../src/queue/segments.ts";
import { Random } from "../random.ts";

const SEGMENT = 1024;

function allocated(segments: Segments, bytes: number): number {
  const offset = segments.allocate(bytes);
  assert.notEqual(offset, -1, `no room for ${bytes} bytes`);
  return offset;
}

describe("segments", () => {
  it("lay small records one behind the other, at multiples of 8", () => {
    const segments = new Segments(2, SEGMENT);
    assert.deepEqual(
      [1, 8, 9, 100].map((bytes) => segments.allocate(bytes)),
      [0, 8, 16, 32],
    );
  });

  it("begin the next segment when a record does not fit the rest of the current one", () => {
    const segments = new Segments(2, SEGMENT);
    assert.equal(segments.allocate(SEGMENT - 8), 0);
    assert.equal(segments.allocate(16), SEGMENT);
  });

  it("fill a segment to its last byte", () => {
    const segments = new Segments(1, SEGMENT);
    assert.equal(segments.allocate(SEGMENT - 8), 0);
    assert.equal(segments.allocate(8), SEGMENT - 8);
    assert.equal(segments.allocate(1), -1);
  });

  it("are full when every segment holds a record, and not any more when one is released", () => {
    const segments = new Segments(3, SEGMENT);
    const places = [0, 1, 2].map(() => allocated(segments, SEGMENT));
    assert.equal(segments.allocate(1), -1);
    segments.release(places[1] as number);
    assert.equal(segments.allocate(SEGMENT), places[1]);
    assert.equal(segments.allocate(1), -1);
  });

  it("give a segment back only when its last record is released, in whichever order", () => {
    const segments = new Segments(2, SEGMENT);
    const [first, second, third] = [0, 1, 2].map(() => allocated(segments, 300));
    const other = allocated(segments, SEGMENT);
    for (const place of [second, first]) {
      segments.release(place as number);
      assert.equal(segments.allocate(SEGMENT), -1);
    }
    segments.release(third as number);
    assert.equal(segments.allocate(SEGMENT), first);
    segments.release(other);
    assert.equal(segments.allocate(SEGMENT), other);
  });

  it("begin the current segment anew when nothing is left in it", () => {
    const segments = new Segments(2, SEGMENT);
    for (let round = 0; round < 10; round++) {
      const place = allocated(segments, 900);
      assert.equal(place, 0, "the same warm segment each time");
      segments.release(place);
    }
  });

  it("take the segment that was used last first", () => {
    const segments = new Segments(4, SEGMENT);
    const places = [0, 1, 2].map(() => allocated(segments, SEGMENT));
    segments.release(places[0] as number);
    segments.release(places[1] as number);
    assert.equal(segments.allocate(SEGMENT), places[1]);
  });

  it("lay a large record over as many neighbours as it needs", () => {
    const segments = new Segments(4, SEGMENT);
    assert.equal(segments.allocate(10), 0);
    assert.equal(segments.allocate(2 * SEGMENT + 1), SEGMENT);
    assert.equal(segments.allocate(SEGMENT), -1, "the rest of the last neighbour is nobody's");
    assert.equal(segments.allocate(10), 16, "small records go on in the current segment");
  });

  it("find no room for a large record between others, although enough is free", () => {
    const segments = new Segments(5, SEGMENT);
    const places = [0, 1, 2, 3, 4].map(() => allocated(segments, SEGMENT));
    segments.release(places[1] as number);
    segments.release(places[3] as number);
    assert.equal(segments.allocate(2 * SEGMENT), -1);
    segments.release(places[2] as number);
    assert.equal(segments.allocate(3 * SEGMENT), places[1]);
  });

  it("get all neighbours of a large record back at once", () => {
    const segments = new Segments(4, SEGMENT);
    const large = allocated(segments, 3 * SEGMENT);
    segments.release(large);
    const places = [0, 1, 2, 3].map(() => allocated(segments, SEGMENT));
    assert.deepEqual(
      places.toSorted((a, b) => a - b),
      [0, 1, 2, 3].map((nr) => nr * SEGMENT),
    );
  });

  it("tell whether a record could ever fit", () => {
    const segments = new Segments(4, SEGMENT);
    assert.ok(segments.fits(4 * SEGMENT));
    assert.ok(!segments.fits(4 * SEGMENT + 1));
  });

  it("take a record of their whole size when nothing else is in them, whatever was before", () => {
    const segments = new Segments(4, SEGMENT);
    const places = [0, 1, 2].map(() => allocated(segments, SEGMENT));
    for (const place of places) segments.release(place);
    const small = allocated(segments, 8);
    assert.equal(segments.allocate(4 * SEGMENT), -1);
    segments.release(small);
    segments.release(allocated(segments, 4 * SEGMENT));
    assert.notEqual(segments.allocate(8), -1);
  });
});

/** What must hold, kept in the plainest way: every record's first and last byte. */
class Model {
  readonly #records = new Map<number, number>();
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get offsets(): readonly number[] {
    return [...this.#records.keys()];
  }

  add(offset: number, length: number): void {
    assert.equal(offset % 8, 0);
    assert.ok(offset >= 0 && offset + length <= this.#bytes, "inside of the arena");
    for (const [other, otherLength] of this.#records) {
      assert.ok(offset + length <= other || other + otherLength <= offset, "no two records overlap");
    }
    this.#records.set(offset, length);
  }

  remove(offset: number): void {
    this.#records.delete(offset);
  }

  /** Segments in which no byte is taken. */
  untouched(count: number): number {
    const touched = new Set<number>();
    for (const [offset, length] of this.#records) {
      for (let at = offset; at < offset + length; at += SEGMENT) touched.add(Math.floor(at / SEGMENT));
      touched.add(Math.floor((offset + length - 1) / SEGMENT));
    }
    return count - touched.size;
  }
}

describe("segments under random use", () => {
  const COUNT = 12;
  const ROUNDS = 4000;

  for (const seed of [1, 2, 3]) {
    it(`never let two records overlap, and never lose room (seed ${seed})`, () => {
      const random = new Random(seed);
      const segments = new Segments(COUNT, SEGMENT);
      const model = new Model(COUNT * SEGMENT);
      for (let round = 0; round < ROUNDS; round++) {
        // It swings between almost empty and full.
        const isFilling = Math.floor(round / 100) % 2 === 0;
        if (random.below(10) < (isFilling ? 7 : 3)) allocateOne(random, segments, model);
        else releaseOne(random, segments, model);
      }
      for (const offset of model.offsets) segments.release(offset);
      const places = Array.from({ length: COUNT }, () => allocated(segments, SEGMENT));
      assert.equal(new Set(places).size, COUNT, "all of it is free again");
    });
  }

  function allocateOne(random: Random, segments: Segments, model: Model): void {
    const isLarge = random.below(8) === 0;
    const length = isLarge ? random.between(SEGMENT + 1, 4 * SEGMENT) : random.between(1, SEGMENT);
    const offset = segments.allocate(length);
    if (offset >= 0) model.add(offset, length);
    // The current segment may be untouched, or a small record may leave its rest.
    else if (!isLarge) assert.equal(model.untouched(COUNT), 0, "full only when every segment is in use");
  }

  function releaseOne(random: Random, segments: Segments, model: Model): void {
    const { offsets } = model;
    if (offsets.length === 0) return;
    const offset = random.pick(offsets);
    segments.release(offset);
    model.remove(offset);
  }
});

describe("segments of a file that has no more memory", () => {
  it("give places that were written before, also when another one is in use", () => {
    const segments = new Segments(4, SEGMENT);
    const held = allocated(segments, 100);
    segments.noteWritten(held, 100);
    const body = allocated(segments, 2 * SEGMENT);
    segments.noteWritten(body, SEGMENT + 200);
    segments.release(body);
    segments.noteShortage();
    assert.equal(allocated(segments, 200), body, "not behind the one in use, where nothing was ever written");
    assert.equal(allocated(segments, 200), body + 200);
  });

  it("give any place when none that was written is free", () => {
    const segments = new Segments(2, SEGMENT);
    segments.noteShortage();
    assert.equal(allocated(segments, 100), 0);
    assert.equal(allocated(segments, SEGMENT), SEGMENT);
    assert.equal(segments.allocate(SEGMENT), -1);
  });

  it("lose no segment by it", () => {
    const random = new Random(5);
    const segments = new Segments(8, SEGMENT);
    segments.noteShortage();
    const live: number[] = [];
    for (let round = 0; round < 20_000; round++) {
      const bytes = random.between(1, 3 * SEGMENT);
      const offset = random.below(2) === 0 ? segments.allocate(bytes) : -1;
      if (offset >= 0) {
        if (random.below(3) > 0) segments.noteWritten(offset, bytes);
        live.push(offset);
      } else if (live.length > 0) {
        segments.release(live.splice(random.below(live.length), 1)[0] as number);
      }
    }
    for (const offset of live) segments.release(offset);
    assert.equal(allocated(segments, 8 * SEGMENT), 0);
  });
});

it("a record that is released twice is a contradiction", () => {
  const segments = new Segments(2, SEGMENT);
  const offset = allocated(segments, 100);
  segments.release(offset);
  assert.throws(() => segments.release(offset), Contradiction);
});
