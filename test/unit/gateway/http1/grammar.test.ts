import assert from "node:assert/strict";
import { test } from "node:test";
import {
  consistsOf,
  FIELD_VALUE,
  HEX_VALUE,
  indexOfLineFeed,
  NOT_HEX,
  QDTEXT,
  TARGET,
  TCHAR,
  trimBlanks,
  trimBlanksAfter,
} from "../../../../src/gateway/http1/grammar.ts";

function bytesIn(table: Uint8Array): number[] {
  return [...table.keys()].filter((byte) => table[byte] === 1);
}

function bytesThat(matches: (character: string) => boolean): number[] {
  return [...Array(256).keys()].filter((byte) => matches(String.fromCharCode(byte)));
}

test("a token has the 77 bytes of RFC 9110 section 5.6.2", () => {
  const tchar = bytesThat((character) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character));
  assert.deepEqual(bytesIn(TCHAR), tchar);
  assert.equal(tchar.length, 77);
});

test("a field value has every byte but the control bytes, and HTAB", () => {
  assert.deepEqual(
    bytesIn(FIELD_VALUE),
    bytesThat((character) => /[\t\x20-\x7e\x80-\xff]/.test(character)),
  );
});

test("a target has the printable bytes of ASCII without the space", () => {
  assert.deepEqual(
    bytesIn(TARGET),
    bytesThat((character) => /[\x21-\x7e]/.test(character)),
  );
});

test("quoted text has every byte of a field value but the quote and the backslash", () => {
  assert.deepEqual(
    bytesIn(QDTEXT),
    bytesIn(FIELD_VALUE).filter((byte) => byte !== 0x22 && byte !== 0x5c),
  );
});

test("hexadecimal digits have their value in either case, other bytes have none", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const value = /^[0-9a-fA-F]$/.test(character) ? Number.parseInt(character, 16) : NOT_HEX;
    assert.equal(HEX_VALUE[byte], value);
  }
});

test("a line feed is found only inside the range", () => {
  const bytes = Buffer.from("\na\nb\n");
  assert.equal(indexOfLineFeed(bytes, 0, 5), 0);
  assert.equal(indexOfLineFeed(bytes, 1, 5), 2);
  assert.equal(indexOfLineFeed(bytes, 3, 4), -1);
  assert.equal(indexOfLineFeed(bytes, 5, 5), -1);
});

test("an empty text consists of nothing", () => {
  assert.equal(consistsOf("", TCHAR), false);
  assert.equal(consistsOf("GET", TCHAR), true);
  assert.equal(consistsOf("GE T", TCHAR), false);
});

test("only spaces and tabs are trimmed", () => {
  assert.equal(trimBlanks(" \t a b\t "), "a b");
  assert.equal(trimBlanks(" \t "), "");
  assert.equal(trimBlanks("\xa0a\v"), "\xa0a\v");
  assert.equal(trimBlanksAfter(" a "), " a");
});
