import assert from "node:assert/strict";
import { test } from "node:test";
import { reprBytes, reprText } from "../../../../src/gateway/http1/python-repr.ts";

test("a text is quoted with apostrophes unless only quotes spare an escape", () => {
  assert.equal(reprText("a"), "'a'");
  assert.equal(reprText("a'b"), `"a'b"`);
  assert.equal(reprText('a"b'), `'a"b'`);
  assert.equal(reprText(`a'b"c`), `'a\\'b"c'`);
});

test("control bytes and backslashes are escaped", () => {
  assert.equal(reprText("\t\n\r\\\0\x1f\x7f"), "'\\t\\n\\r\\\\\\x00\\x1f\\x7f'");
});

test("printable latin-1 stands as it is in a text, and escaped in bytes", () => {
  assert.equal(reprText("é\x80\xa0\xad\xff"), "'é\\x80\\xa0\\xad\xff'");
  assert.equal(reprBytes("é'"), `b"\\xe9'"`);
});
