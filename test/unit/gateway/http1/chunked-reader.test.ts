import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkedReader } from "../../../../src/gateway/http1/chunked-reader.ts";
import { DEFAULT_HEAD_RULES } from "../../../../src/gateway/http1/request-head.ts";

function collect(): { reader: ChunkedReader; pieces: string[] } {
  const pieces: string[] = [];
  const reader = new ChunkedReader(DEFAULT_HEAD_RULES, (bytes, start, end) => {
    pieces.push(bytes.toString("latin1", start, end));
  });
  return { reader, pieces };
}

function feed(reader: ChunkedReader, text: string): number {
  return reader.read(Buffer.from(text, "latin1"), 0);
}

test("the end of the body is returned, and nothing after it is read", () => {
  const { reader, pieces } = collect();
  assert.equal(feed(reader, "5\r\nhello\r\n0\r\n\r\nnext"), 15);
  assert.deepEqual(pieces, ["hello"]);
  assert.equal(reader.complete, true);
});

test("data is handed on before its chunk is complete", () => {
  const { reader, pieces } = collect();
  assert.equal(feed(reader, "a\r\nhel"), -1);
  assert.equal(feed(reader, "lo wo"), -1);
  assert.deepEqual(pieces, ["hel", "lo wo"]);
  assert.equal(reader.complete, false);
});

test("data is handed on where it lies", () => {
  const bytes = Buffer.from("..3\r\nabc\r\n");
  const calls: [Buffer, number, number][] = [];
  const reader = new ChunkedReader(DEFAULT_HEAD_RULES, (...call) => calls.push(call));
  reader.read(bytes, 2);
  assert.deepEqual(calls, [[bytes, 5, 8]]);
  assert.equal(calls[0]?.[0], bytes);
});

test("the largest size that a number holds exactly is a size", () => {
  const { reader, pieces } = collect();
  assert.equal(feed(reader, "1fffffffffffff\r\nx"), -1);
  assert.deepEqual(pieces, ["x"]);
});

test("data before a fault has been handed on", () => {
  const { reader, pieces } = collect();
  assert.throws(() => feed(reader, "5\r\nhello\r\nxyz\r\n"), { message: "Invalid chunk size: b'xyz'" });
  assert.deepEqual(pieces, ["hello"]);
});

test("a size line without end is refused at its limit", () => {
  const { reader } = collect();
  assert.throws(() => feed(reader, "0".repeat(8191)), {
    message: "Invalid chunk size: b'line over 8190 bytes with no terminator'",
  });
});

test("an incomplete body wants more, wherever it is cut", () => {
  const body = "5;a=b\r\nhello\r\n0\r\nX-A: a\r\n\r\n";
  for (let length = 0; length < body.length; length++) {
    assert.equal(feed(collect().reader, body.slice(0, length)), -1);
  }
});

test("trailers are read like fields", () => {
  const { reader } = collect();
  feed(reader, "0\r\nX-Checksum:  abc \r\n\r\n");
  assert.deepEqual(
    reader.trailers.map(({ name, value }) => [name.environKey, value]),
    [["HTTP_X_CHECKSUM", "abc"]],
  );
});
