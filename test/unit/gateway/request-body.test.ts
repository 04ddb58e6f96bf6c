import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { INLINE_BODY_BYTES, RequestBody } from "../../../src/gateway/request-body.ts";
import { Arena, SEGMENT_BYTES, STORED_BODY_BYTES } from "../../../src/queue/arena.ts";
import type { BodyPlace } from "../../../src/queue/body-place.ts";
import { BODY_INLINE, BODY_NONE, BODY_SPOOLED, BODY_STORED, STORED_BODY } from "../../../src/queue/layout.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const nothing = (): void => {};

let count = 0;

/** Without room in the arena, unless there is one. */
function newBody({ directory = ROOT, arena = null, expected = 0 }: Options = {}): RequestBody {
  return new RequestBody(
    {
      maybeReserve: (bytes) => arena?.maybeReserve(bytes) ?? null,
      spoolPath: () => join(directory, `body-${++count}`),
      onSpoolError: (error) => assert.fail(error),
      onNotDeleted: assert.fail,
    },
    expected,
  );
}

interface Options {
  readonly directory?: string;
  readonly arena?: Arena | null;
  /** Content-Length. */
  readonly expected?: number;
}

function newArena(t: TestContext, segments = 64): Arena {
  const arena = new Arena(join(ROOT, `arena-${++count}`), segments, SEGMENT_BYTES);
  t.after(() => arena.close());
  return arena;
}

/** What the pointer in the record points to. */
function storedContent(arena: Arena, body: RequestBody): string {
  const pointer = Buffer.concat([...body.record]);
  const offset = pointer.readUInt32LE(STORED_BODY.offset);
  const end = offset + pointer.readUInt32LE(STORED_BODY.length);
  return readFileSync(arena.path).toString("latin1", offset, end);
}

/** Of the arena's room for bodies, by how many of this size fit. */
function countFree(arena: Arena, bytes: number): number {
  const places: BodyPlace[] = [];
  for (let place = arena.maybeReserve(bytes); place !== null; place = arena.maybeReserve(bytes)) {
    places.push(place);
  }
  for (const place of places) place.release();
  return places.length;
}

function ended(body: RequestBody): Promise<void> {
  return new Promise((resolve) => body.end(resolve));
}

const contentOf = (body: RequestBody): string => Buffer.concat([...body.record]).toString("latin1");

/** Where the body of a spooled request is. */
const spoolPath = contentOf;

describe("a request body", () => {
  it("is none without bytes", async () => {
    const body = newBody();
    await ended(body);
    assert.equal(body.kind, BODY_NONE);
    assert.equal(body.length, 0);
    assert.deepEqual(body.record, []);
  });

  it("is complete at once while it is in memory", () => {
    const body = newBody();
    body.append(Buffer.from("abc"), nothing);
    let isComplete = false;
    body.end(() => {
      isComplete = true;
    });
    assert.ok(isComplete);
  });

  it("stays in memory up to the limit, as a copy", async () => {
    const body = newBody();
    const half = Buffer.alloc(INLINE_BODY_BYTES / 2, "a");
    assert.ok(body.append(half, nothing));
    half.fill("b");
    assert.ok(body.append(half, nothing));
    half.fill("c");
    await ended(body);
    assert.equal(body.kind, BODY_INLINE);
    assert.equal(body.length, INLINE_BODY_BYTES);
    assert.equal(contentOf(body), "a".repeat(half.length) + "b".repeat(half.length));
  });

  it("goes to a file as a whole with the first byte over the limit", async () => {
    const body = newBody();
    body.append(Buffer.from("begin "), nothing);
    body.append(Buffer.alloc(INLINE_BODY_BYTES, "x"), nothing);
    body.append(Buffer.from(" end"), nothing);
    await ended(body);
    assert.equal(body.kind, BODY_SPOOLED);
    assert.equal(body.length, 6 + INLINE_BODY_BYTES + 4);
    assert.equal(readFileSync(spoolPath(body), "latin1"), `begin ${"x".repeat(INLINE_BODY_BYTES)} end`);
  });

  it("has a file of its own", async () => {
    const bodies = ["1", "2"].map((letter) => {
      const body = newBody();
      body.append(Buffer.alloc(INLINE_BODY_BYTES + 1, letter), nothing);
      return body;
    });
    await Promise.all(bodies.map(ended));
    assert.deepEqual(
      bodies.map((body) => readFileSync(spoolPath(body), "latin1")[0]),
      ["1", "2"],
    );
  });

  it("makes the client wait for the disk", async () => {
    const body = newBody();
    const { promise, resolve } = Promise.withResolvers<void>();
    assert.ok(!body.append(Buffer.alloc(4 * 1024 * 1024), resolve));
    await promise;
  });

  it("holds nothing any more when it is discarded", async () => {
    const inMemory = newBody();
    inMemory.append(Buffer.from("abc"), nothing);
    inMemory.discard();
    assert.deepEqual(inMemory.record, []);

    const directory = temporaryDirectory();
    const spooled = newBody({ directory });
    spooled.append(Buffer.alloc(INLINE_BODY_BYTES + 1), nothing);
    await ended(spooled);
    spooled.discard();
    while (readdirSync(directory).length > 0) await new Promise(setImmediate);
  });

  it("reports once that it cannot be stored, and never that it is complete", async () => {
    const errors: Error[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const onSpoolError = (error: Error): void => {
      errors.push(error);
      resolve();
    };
    const spoolPath = (): string => join(ROOT, "no such directory", "nor this one", "body");
    const body = new RequestBody(
      { maybeReserve: () => null, spoolPath, onSpoolError, onNotDeleted: assert.fail },
      0,
    );
    body.append(Buffer.alloc(INLINE_BODY_BYTES), nothing);
    body.append(Buffer.alloc(1), nothing);
    body.append(Buffer.alloc(INLINE_BODY_BYTES), nothing);
    body.end(() => assert.fail("it is not complete"));
    await promise;
    body.append(Buffer.alloc(1), nothing);
    await new Promise(setImmediate);
    assert.deepEqual(
      errors.map((error) => (error as NodeJS.ErrnoException).code),
      ["ENOENT"],
    );
  });
});

describe("a request body of some MB whose length is known", () => {
  const whole = "begin".padEnd(INLINE_BODY_BYTES, "x") + "y".repeat(100_000);
  const [first, second, third] = [whole.slice(0, 20_000), whole.slice(20_000, 70_000), whole.slice(70_000)];

  function received(body: RequestBody): RequestBody {
    for (const part of [first, second, third]) assert.ok(body.append(Buffer.from(part as string), nothing));
    return body;
  }

  it("lies in the arena where its record points to, complete at once", (t) => {
    const arena = newArena(t);
    const body = received(newBody({ arena, expected: whole.length }));
    let isComplete = false;
    body.end(() => {
      isComplete = true;
    });
    assert.ok(isComplete);
    assert.equal(body.kind, BODY_STORED);
    assert.equal(body.length, whole.length);
    assert.equal(storedContent(arena, body), whole);
  });

  it("takes room only when more than a record's body has come", (t) => {
    const arena = newArena(t);
    const free = countFree(arena, SEGMENT_BYTES);
    const body = newBody({ arena, expected: whole.length });
    body.append(Buffer.alloc(INLINE_BODY_BYTES), nothing);
    assert.equal(countFree(arena, SEGMENT_BYTES), free);
    body.append(Buffer.alloc(1), nothing);
    assert.equal(countFree(arena, SEGMENT_BYTES), free - Math.ceil(whole.length / SEGMENT_BYTES));
  });

  it("gives its room back when it is discarded, once", (t) => {
    const arena = newArena(t);
    const free = countFree(arena, SEGMENT_BYTES);
    const body = received(newBody({ arena, expected: whole.length }));
    body.discard();
    body.discard();
    assert.equal(countFree(arena, SEGMENT_BYTES), free);
  });

  it("keeps its room for as long as the record, whoever discards it", (t) => {
    const arena = newArena(t);
    const free = countFree(arena, SEGMENT_BYTES);
    const body = received(newBody({ arena, expected: whole.length }));
    const record = arena.add(
      1,
      Buffer.from("{0"),
      BODY_STORED,
      body.record,
      STORED_BODY.bytes,
      1,
      0,
      body.place,
    );
    assert.ok(record);
    body.discard();
    assert.equal(storedContent(arena, body), whole);
    const moved = arena.move(record, 2);
    assert.ok(moved);
    assert.ok(countFree(arena, SEGMENT_BYTES) < free);
    arena.release(moved);
    assert.equal(countFree(arena, SEGMENT_BYTES), free);
  });

  it("goes to a file while others take the room for bodies, so that records always have some", async (t) => {
    const arena = newArena(t, 8);
    const others = [1, 2, 3, 4].map(() => arena.maybeReserve(SEGMENT_BYTES));
    const body = received(newBody({ arena, expected: whole.length }));
    await ended(body);
    assert.equal(body.kind, BODY_SPOOLED);
    assert.equal(readFileSync(spoolPath(body), "latin1"), whole);
    for (const other of others) assert.ok(other, "half of the arena");
  });

  it("goes to a file when it is larger", async (t) => {
    const arena = newArena(t);
    const body = received(newBody({ arena, expected: STORED_BODY_BYTES + 1 }));
    assert.equal(body.kind, BODY_SPOOLED);
    await ended(body);
  });

  it("moves to a file when the tmpfs is full in the middle of it", async (t) => {
    const arena = newArena(t);
    const free = countFree(arena, SEGMENT_BYTES);
    const body = newBody({ arena, expected: whole.length });
    for (const part of [first, second]) body.append(Buffer.from(part as string), nothing);
    assert.equal(body.kind, BODY_STORED);
    const restore = replaceFs(t, "writeSync", () => {
      throw systemError("ENOSPC");
    });
    body.append(Buffer.from(third as string), nothing);
    restore();
    await ended(body);
    assert.equal(body.kind, BODY_SPOOLED);
    assert.equal(readFileSync(spoolPath(body), "latin1"), whole);
    assert.equal(countFree(arena, SEGMENT_BYTES), free);
  });
});
