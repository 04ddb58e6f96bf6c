import assert from "node:assert/strict";
import fs, { existsSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Arena, type RecordPlace } from "../../../src/queue/arena.ts";
import {
  BODY_INLINE,
  RECORD,
  RECORD_PROBE,
  RECORD_READY,
  RECORD_WITHDRAWN,
} from "../../../src/queue/layout.ts";
import { Random } from "../random.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const SEGMENT = 1024;
const ENVIRON = Buffer.from("{0");

function newArena(t: TestContext, segments = 4): Arena {
  const arena = new Arena(join(mkdtempSync(join(ROOT, "case-")), "arena"), segments, SEGMENT);
  t.after(() => arena.close());
  return arena;
}

function add(arena: Arena, id: number, ...body: readonly string[]): RecordPlace {
  const parts = body.map((part) => Buffer.from(part));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const place = arena.add(id, ENVIRON, BODY_INLINE, parts, length, 1, 0);
  assert.ok(place, "the arena is full");
  return place;
}

interface StoredRecord {
  readonly id: number;
  readonly state: number;
  readonly environ: string;
  readonly body: string;
}

/** The record in the file, as a worker would see it. */
function stored(arena: Arena, { offset, length }: RecordPlace): StoredRecord {
  const record = readFileSync(arena.path).subarray(offset, offset + length);
  const environEnd = RECORD.headerBytes + record.readUInt32LE(RECORD.environLength);
  assert.equal(record.length, environEnd + record.readUInt32LE(RECORD.bodyLength), "the ticket's length");
  return {
    id: record.readUInt32LE(RECORD.id),
    state: record.readUInt8(RECORD.state),
    environ: record.toString("latin1", RECORD.headerBytes, environEnd),
    body: record.toString("latin1", environEnd),
  };
}

const ready = (id: number, body: string): StoredRecord => ({ id, state: RECORD_READY, environ: "{0", body });

type Write = [fd: number, bytes: Uint8Array, from: number, length: number, at: number];

/** Sizes of the writes from now on. */
function watchWrites(t: TestContext): readonly number[] {
  const { writeSync } = fs;
  const sizes: number[] = [];
  replaceFs(t, "writeSync", (...write: Write) => {
    sizes.push(write[3]);
    return writeSync(...write);
  });
  return sizes;
}

function noSpace(): never {
  throw systemError("ENOSPC");
}

describe("an arena", () => {
  it("is a file of its full size that only its owner can read", (t) => {
    const { path } = newArena(t, 3);
    const { size, mode, blocks } = statSync(path);
    assert.ok(size >= 3 * SEGMENT);
    assert.equal(mode & 0o777, 0o600);
    assert.equal(blocks, 0, "it is sparse");
  });

  it("never takes over a file that is there", (t) => {
    const { path } = newArena(t);
    assert.throws(() => new Arena(path, 1, SEGMENT), { code: "EEXIST" });
  });

  it("is removed when it is closed", () => {
    const arena = new Arena(join(mkdtempSync(join(ROOT, "case-")), "arena"), 1, SEGMENT);
    arena.close();
    assert.ok(!existsSync(arena.path));
  });

  it("holds nothing of a record before it is flushed", (t) => {
    const arena = newArena(t);
    const place = add(arena, 7, "body");
    assert.deepEqual(readFileSync(arena.path).subarray(0, place.length), Buffer.alloc(place.length));
    arena.flush();
    assert.deepEqual(stored(arena, place), ready(7, "body"));
  });

  it("holds the parts of a body one behind the other", (t) => {
    const arena = newArena(t);
    const place = add(arena, 1, "a", "", "bc", "def");
    arena.flush();
    assert.equal(stored(arena, place).body, "abcdef");
  });

  it("writes neighbours with one write, over the padding between them", (t) => {
    const arena = newArena(t);
    const writes = watchWrites(t);
    const places = [1, 2, 3].map((id) => add(arena, id, "x".repeat(id)));
    arena.flush();
    assert.equal(writes.length, 1);
    assert.deepEqual(
      places.map((place) => stored(arena, place)),
      [ready(1, "x"), ready(2, "xx"), ready(3, "xxx")],
    );
  });

  it("writes records that are no neighbours with a write each", (t) => {
    const arena = newArena(t);
    const first = add(arena, 1, "a".repeat(900));
    const second = add(arena, 2, "b".repeat(900));
    arena.flush();
    arena.release(first);
    const writes = watchWrites(t);
    const behind = add(arena, 3, "c");
    const reused = add(arena, 4, "d".repeat(900));
    arena.flush();
    assert.equal(writes.length, 2);
    assert.deepEqual(
      [second, behind, reused].map((place) => stored(arena, place)),
      [ready(2, "b".repeat(900)), ready(3, "c"), ready(4, "d".repeat(900))],
    );
  });

  it("writes nothing when nothing was added", (t) => {
    const arena = newArena(t);
    const writes = watchWrites(t);
    arena.flush();
    add(arena, 1);
    arena.flush();
    arena.flush();
    assert.equal(writes.length, 1);
  });

  it("goes on where the system has written a part only", (t) => {
    const arena = newArena(t);
    const { writeSync } = fs;
    replaceFs(t, "writeSync", (...[fd, bytes, from, length, at]: Write) =>
      writeSync(fd, bytes, from, Math.min(length, 7), at),
    );
    const place = add(arena, 1, "longer than seven bytes");
    arena.flush();
    assert.deepEqual(stored(arena, place), ready(1, "longer than seven bytes"));
  });

  it("takes a record that is larger than a segment", (t) => {
    const arena = newArena(t);
    const body = "0123456789".repeat(200);
    const place = add(arena, 1, body);
    arena.flush();
    assert.equal(stored(arena, place).body, body);
  });

  it("says that it is full, and has room again after a release", (t) => {
    const arena = newArena(t, 1);
    const place = add(arena, 1, "x".repeat(900));
    const another = (): RecordPlace | null =>
      arena.add(2, ENVIRON, BODY_INLINE, [Buffer.alloc(900)], 900, 1, 0);
    assert.equal(another(), null);
    assert.equal(arena.move(place, 3), null);
    arena.release(place);
    assert.notEqual(another(), null);
  });

  it("marks a record that is withdrawn, and nothing else of it", (t) => {
    const arena = newArena(t);
    const places = [1, 2].map((id) => add(arena, id, "body"));
    arena.flush();
    arena.withdraw(places[0] as RecordPlace);
    assert.deepEqual(
      places.map((place) => stored(arena, place)),
      [{ ...ready(1, "body"), state: RECORD_WITHDRAWN }, ready(2, "body")],
    );
  });

  it("moves a withdrawn record, ready, under its new id", (t) => {
    const arena = newArena(t);
    const place = add(arena, 1, "body");
    arena.flush();
    arena.withdraw(place);
    const moved = arena.move(place, 9);
    arena.flush();
    assert.ok(moved);
    assert.notEqual(moved.offset, place.offset);
    assert.deepEqual(stored(arena, moved), ready(9, "body"));
    assert.equal(stored(arena, place).state, RECORD_WITHDRAWN);
  });
});

describe("a probe", () => {
  const probe = (id: number): StoredRecord => ({ id, state: RECORD_PROBE, environ: "", body: "" });

  it("is a record without environ and body", (t) => {
    const arena = newArena(t);
    const place = arena.addProbe(7);
    assert.ok(place);
    arena.flush();
    assert.deepEqual(stored(arena, place), probe(7));
  });

  it("has room in a full arena, and takes none from requests", (t) => {
    const arena = newArena(t, 1);
    const full = add(arena, 1, "x".repeat(SEGMENT - RECORD.headerBytes - ENVIRON.length));
    const place = arena.addProbe(2);
    assert.ok(place);
    arena.flush();
    assert.deepEqual(stored(arena, place), probe(2));
    assert.equal(stored(arena, full).id, 1);
  });

  it("leaves its room to others", (t) => {
    const arena = newArena(t);
    const places: RecordPlace[] = [];
    for (let place = arena.addProbe(1); place !== null; place = arena.addProbe(1)) places.push(place);
    for (const place of places) arena.release(place);
    assert.ok(arena.addProbe(2));
  });
});

describe("an arena without room on its tmpfs", () => {
  it("throws what the system says", (t) => {
    const arena = newArena(t);
    add(arena, 1, "body");
    replaceFs(t, "writeSync", noSpace);
    assert.throws(() => arena.flush(), { code: "ENOSPC" });
  });

  it("forgets what it could not write, so that nothing of it appears later", (t) => {
    const arena = newArena(t);
    const lost = add(arena, 1, "lost");
    const makeRoom = replaceFs(t, "writeSync", noSpace);
    assert.throws(() => arena.flush());
    makeRoom();
    arena.release(lost);
    const place = add(arena, 2, "kept");
    arena.flush();
    assert.deepEqual(stored(arena, place), ready(2, "kept"));
  });
});

describe("an arena under random use", () => {
  const ROUNDS = 600;

  for (const seed of [11, 12]) {
    it(`has every record where its ticket says (seed ${seed})`, (t) => {
      const random = new Random(seed);
      const arena = newArena(t, 16);
      const records = new Map<RecordPlace, StoredRecord>();
      for (let id = 1; id <= ROUNDS; id++) {
        const body = String.fromCharCode(random.between(33, 126)).repeat(random.below(3 * SEGMENT));
        const place = arena.add(id, ENVIRON, BODY_INLINE, [Buffer.from(body)], body.length, 1, 0);
        if (place !== null) records.set(place, ready(id, body));
        if (random.below(4) > 0) continue;
        arena.flush();
        assertStored(arena, records);
        releaseSome(random, arena, records);
      }
    });
  }

  function assertStored(arena: Arena, records: ReadonlyMap<RecordPlace, StoredRecord>): void {
    for (const [place, record] of records) assert.deepEqual(stored(arena, place), record);
  }

  function releaseSome(random: Random, arena: Arena, records: Map<RecordPlace, StoredRecord>): void {
    for (const place of [...records.keys()]) {
      if (random.below(3) > 0) continue;
      arena.release(place);
      records.delete(place);
    }
  }
});
