import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  expectsContinue,
  requestFraming,
  wantsKeepAlive,
} from "../../../../src/gateway/http1/request-framing.ts";
import {
  DEFAULT_HEAD_RULES,
  type RequestHead,
  RequestHeadReader,
} from "../../../../src/gateway/http1/request-head.ts";

// The rules one by one are vectors; here stands what a vector cannot show.

function headWith(...fields: string[]): RequestHead {
  const reader = new RequestHeadReader(DEFAULT_HEAD_RULES);
  reader.read(Buffer.from(["POST / HTTP/1.1", "Host: a", ...fields, "", ""].join("\r\n"), "latin1"), 0);
  return reader.head;
}

describe("requestFraming", () => {
  test("gives no new object for what most requests have", () => {
    assert.equal(requestFraming(headWith()), requestFraming(headWith("Content-Length: 0")));
    const chunked = "Transfer-Encoding: chunked";
    assert.equal(requestFraming(headWith(chunked)), requestFraming(headWith(chunked)));
  });

  test("reads the largest length that a number holds exactly", () => {
    const framing = requestFraming(headWith("Content-Length: 9007199254740991"));
    assert.deepEqual(framing, { kind: "length", length: Number.MAX_SAFE_INTEGER, mustClose: false });
  });

  test("does not rely on the reader to find a repeated Content-Length", () => {
    const head = headWith("Content-Length: 5");
    const twice = { ...head, fields: [...head.fields, ...head.fields] };
    assert.throws(() => requestFraming(twice), { message: "Invalid HTTP Header: 'CONTENT-LENGTH'" });
  });
});

test("expectsContinue and wantsKeepAlive need no fields", () => {
  assert.equal(expectsContinue(headWith()), false);
  assert.equal(wantsKeepAlive(headWith()), true);
});
