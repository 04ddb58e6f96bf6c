import assert from "node:assert/strict";
import { test } from "node:test";
import {
  buildResponseHead,
  chunkHead,
  LAST_CHUNK,
  type ResponseHeadParts,
  wholeChunk,
} from "../../../../src/gateway/http1/response-head.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const PARTS: ResponseHeadParts = {
  minorVersion: 1,
  status: "200 OK",
  date: DATE,
  connection: "keep-alive",
  chunked: false,
  contentLength: -1,
  fieldLines: Buffer.from("Content-Type: text/plain\r\nX-A: \xe9\r\n", "latin1"),
};

function built(parts: Partial<ResponseHeadParts>): string {
  return buildResponseHead({ ...PARTS, ...parts }).toString("latin1");
}

test("the gateway's fields stand before the application's, in Gunicorn's order", () => {
  assert.equal(
    built({ chunked: true }),
    `HTTP/1.1 200 OK\r\nServer: tunicorn\r\nDate: ${DATE}\r\nConnection: keep-alive\r\n` +
      "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\nX-A: \xe9\r\n\r\n",
  );
});

test("head, added length and whole body are one buffer", () => {
  assert.equal(
    built({ contentLength: 5, connection: "close", body: Buffer.from("hello") }),
    `HTTP/1.1 200 OK\r\nServer: tunicorn\r\nDate: ${DATE}\r\nConnection: close\r\n` +
      "Content-Length: 5\r\nContent-Type: text/plain\r\nX-A: \xe9\r\n\r\nhello",
  );
});

test("a request of HTTP/1.0 is answered in HTTP/1.0", () => {
  assert.match(built({ minorVersion: 0 }), /^HTTP\/1\.0 200 OK\r\n/);
});

test("a status without phrase keeps its space", () => {
  assert.match(built({ status: "299" }), /^HTTP\/1\.1 299 \r\n/);
});

test("a phrase is latin-1", () => {
  assert.match(built({ status: "200 D\xe9j\xe0" }), /^HTTP\/1\.1 200 D\xe9j\xe0\r\n/);
});

test("an application without fields gives a complete head", () => {
  assert.match(built({ fieldLines: Buffer.alloc(0) }), /Connection: keep-alive\r\n\r\n$/);
});

test("chunk sizes are upper-case hexadecimal", () => {
  assert.equal(chunkHead(10).toString(), "A\r\n");
  assert.equal(chunkHead(65_535).toString(), "FFFF\r\n");
  assert.equal(wholeChunk(Buffer.from("0123456789")).toString(), "A\r\n0123456789\r\n");
  assert.equal(LAST_CHUNK.toString(), "0\r\n\r\n");
});
