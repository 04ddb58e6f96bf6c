import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  omitsBody,
  type ResponseFacts,
  type ResponseFraming,
  responseFraming,
} from "../../../../src/gateway/http1/response-framing.ts";

const FACTS: ResponseFacts = {
  method: "GET",
  minorVersion: 1,
  status: 200,
  contentLength: -1,
  wholeLength: -1,
  keepAlive: true,
};

function framingOf(facts: Partial<ResponseFacts>): ResponseFraming {
  return responseFraming({ ...FACTS, ...facts });
}

describe("responseFraming", () => {
  test("1. a HEAD has no body, and no length of the server's making", () => {
    assert.deepEqual(framingOf({ method: "HEAD", wholeLength: 0 }), {
      body: "none",
      contentLengthToAdd: -1,
      close: false,
    });
  });

  test("1. a HEAD keeps the connection of HTTP/1.0 too", () => {
    assert.equal(framingOf({ method: "HEAD", minorVersion: 0 }).close, false);
  });

  for (const status of [100, 101, 103, 199, 204, 304]) {
    test(`2. ${status} has no body`, () => {
      assert.equal(framingOf({ status, wholeLength: 5 }).body, "none");
      assert.equal(framingOf({ status, wholeLength: 5 }).contentLengthToAdd, -1);
    });
  }

  test("3. the application's Content-Length is used as it is", () => {
    const expected = { body: "length", contentLengthToAdd: -1, close: false };
    assert.deepEqual(framingOf({ contentLength: 5 }), expected);
    assert.deepEqual(framingOf({ contentLength: 5, wholeLength: 5 }), expected);
    assert.deepEqual(framingOf({ contentLength: 0, minorVersion: 0 }), expected);
  });

  test("3. a body longer than its Content-Length keeps the connection, a shorter one does not", () => {
    assert.equal(framingOf({ contentLength: 5, wholeLength: 6 }).close, false);
    assert.equal(framingOf({ contentLength: 5, wholeLength: 4 }).close, true);
  });

  test("4. the length of a body that is known is added", () => {
    assert.deepEqual(framingOf({ wholeLength: 0 }), { body: "length", contentLengthToAdd: 0, close: false });
    assert.equal(framingOf({ wholeLength: 7, minorVersion: 0 }).contentLengthToAdd, 7);
  });

  test("5. an unknown length is chunked in HTTP/1.1", () => {
    assert.deepEqual(framingOf({}), { body: "chunked", contentLengthToAdd: -1, close: false });
  });

  test("6. an unknown length ends with the connection in HTTP/1.0", () => {
    assert.deepEqual(framingOf({ minorVersion: 0 }), { body: "close", contentLengthToAdd: -1, close: true });
  });

  test("a connection that is not kept closes in every case", () => {
    for (const facts of [{}, { method: "HEAD" }, { contentLength: 5 }, { wholeLength: 5 }]) {
      assert.equal(framingOf({ ...facts, keepAlive: false }).close, true);
    }
  });
});

test("200 and 404 have a body unless they answer a HEAD", () => {
  assert.equal(omitsBody("GET", 200), false);
  assert.equal(omitsBody("POST", 404), false);
  assert.equal(omitsBody("HEAD", 404), true);
});
