/**
 * What a gateway holds of requests that are not complete yet: at most 1.5 times the bytes that have arrived, and 2 KB for the
 * connection, whatever they are and however they are cut.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChunkedReader } from "../../../src/gateway/http1/chunked-reader.ts";
import { KeptBytes } from "../../../src/gateway/http1/kept-bytes.ts";
import { DEFAULT_HEAD_RULES, RequestHeadReader } from "../../../src/gateway/http1/request-head.ts";
import { RequestBody } from "../../../src/gateway/request-body.ts";
import { bytesEach } from "./memory.ts";

const ALLOWED_EACH = 2048;
const allowed = (received: number): number => 1.5 * received + ALLOWED_EACH;

const RULES = { ...DEFAULT_HEAD_RULES, limit_request_fields: 32768, limit_request_head: 1024 * 1024 };

function inPieces(bytes: Buffer, size: number, read: (piece: Buffer) => void): void {
  for (let at = 0; at < bytes.length; at += size) read(Buffer.from(bytes.subarray(at, at + size)));
}

const repeated = (count: number, line: (nr: number) => string): string =>
  Array.from({ length: count }, (_, nr) => line(nr)).join("");

const BEGIN = "GET / HTTP/1.1\r\nHost: a\r\n";
const UNFINISHED_HEADS: Readonly<Record<string, string>> = {
  "of a few long lines": BEGIN + repeated(12, (nr) => `X-${nr}: ${"v".repeat(8000)}\r\n`),
  "of many short lines": BEGIN + repeated(100, () => "a:b\r\n"),
  "of very many short lines": BEGIN + repeated(8000, () => "a:\r\n"),
  "of names that nobody uses": BEGIN + repeated(98, (nr) => `${nr}-${"n".repeat(90)}:b\r\n`),
  "in the middle of a value": `${BEGIN}X: ${"v".repeat(8000)}`,
  "in the middle of a name": BEGIN + "X".repeat(8000),
  "in the middle of the request line": `GET /${"a".repeat(4000)}`,
};

describe("an unfinished head", () => {
  for (const [title, text] of Object.entries(UNFINISHED_HEADS)) {
    const bytes = Buffer.from(text);
    for (const size of [1, 1448, bytes.length]) {
      it(`${title}, in pieces of ${size} bytes, is held as bytes`, () => {
        const held = bytesEach(allowed(bytes.length), () => {
          const reader = new RequestHeadReader(RULES);
          inPieces(bytes, size, (piece) => assert.equal(reader.read(piece, 0), -1));
          return reader;
        });
        assert.ok(held <= allowed(bytes.length), `${held} bytes for ${bytes.length}`);
      });
    }
  }

  it("is held no longer once it is complete or given up", () => {
    const reader = new RequestHeadReader(RULES);
    reader.read(Buffer.from(BEGIN), 0);
    assert.ok(reader.heldBytes >= BEGIN.length && reader.heldBytes <= allowed(BEGIN.length));
    reader.read(Buffer.from("\r\n"), 0);
    assert.equal(reader.heldBytes, 0);
    reader.reset();
    reader.read(Buffer.from(BEGIN), 0);
    reader.reset();
    assert.equal(reader.heldBytes, 0);
  });
});

describe("an unfinished chunked body", () => {
  const UNFINISHED_BODIES: Readonly<Record<string, string>> = {
    "of chunks of one byte": repeated(5000, () => "1\r\nx\r\n"),
    "in the middle of an extension": `1;${"a".repeat(8000)}`,
    "in the middle of short trailers": `0\r\n${repeated(100, () => "a:b\r\n")}`,
    "in the middle of long trailers": `0\r\n${repeated(12, (nr) => `X-${nr}: ${"v".repeat(8000)}\r\n`)}`,
  };
  for (const [title, text] of Object.entries(UNFINISHED_BODIES)) {
    const bytes = Buffer.from(text);
    for (const size of [1, 1448, bytes.length]) {
      it(`${title}, in pieces of ${size} bytes, is held as bytes`, () => {
        const held = bytesEach(allowed(bytes.length), () => {
          const body = newBody(0);
          const reader = new ChunkedReader(RULES, (read, start, end) =>
            body.append(read.subarray(start, end), () => {}),
          );
          inPieces(bytes, size, (piece) => assert.equal(reader.read(piece, 0), -1));
          return [body, reader];
        });
        assert.ok(held <= allowed(bytes.length), `${held} bytes for ${bytes.length}`);
      });
    }
  }
});

describe("an unfinished body of known length", () => {
  for (const size of [1, 100, 20_000]) {
    it(`in pieces of ${size} bytes is held as bytes`, () => {
      const bytes = Buffer.alloc(20_000, "x");
      const held = bytesEach(allowed(bytes.length), () => {
        const body = newBody(30_000);
        inPieces(bytes, size, (piece) => body.append(piece, () => {}));
        return body;
      });
      assert.ok(held <= allowed(bytes.length), `${held} bytes for ${bytes.length}`);
    });
  }
});

it("what is sent ahead a byte at a time is held as bytes", () => {
  const held = bytesEach(allowed(3000), () => {
    const kept = new KeptBytes();
    for (let nr = 0; nr < 3000; nr++) kept.append(Buffer.from("x"), 0, 1);
    return kept;
  });
  assert.ok(held <= allowed(3000), `${held} bytes for 3000`);
});

function newBody(expectedBytes: number): RequestBody {
  return new RequestBody(
    {
      maybeReserve: () => null,
      spoolPath: () => assert.fail(),
      onSpoolError: assert.fail,
      onNotDeleted: assert.fail,
    },
    expectedBytes,
  );
}
