import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { INLINE_BODY_BYTES, RequestBody } from "../../../src/gateway/request-body.ts";
import { BODY_INLINE, BODY_NONE, BODY_SPOOLED } from "../../../src/queue/layout.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const nothing = (): void => {};

let count = 0;

function newBody(directory = ROOT): RequestBody {
  return new RequestBody(
    () => join(directory, `body-${++count}`),
    (error) => assert.fail(error),
  );
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
    const spooled = newBody(directory);
    spooled.append(Buffer.alloc(INLINE_BODY_BYTES + 1), nothing);
    await ended(spooled);
    spooled.discard();
    while (readdirSync(directory).length > 0) await new Promise(setImmediate);
  });

  it("reports once that it cannot be stored, and never that it is complete", async () => {
    const errors: Error[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const body = new RequestBody(
      () => join(ROOT, "no such directory", "body"),
      (error) => {
        errors.push(error);
        resolve();
      },
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
