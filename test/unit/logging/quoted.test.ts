import assert from "node:assert/strict";
import { it } from "node:test";
import { quoted } from "../../../src/logging/quoted.ts";

it("keeps what is short and printable", () => {
  for (const text of ["GET /path?a=b", "é".repeat(200), ""]) assert.equal(quoted(text), text);
});

it("cuts text at 200 characters, and shows that it did", () => {
  assert.equal(quoted("x".repeat(201)), `${"x".repeat(200)}…`);
  assert.equal(quoted("x".repeat(1e6)), `${"x".repeat(200)}…`);
});

it("spells what could forge or break a line, and cuts what that makes longer", () => {
  assert.equal(quoted("a\r\nb\t\x00\x1b[31m\x7f\x85"), "a\\x0d\\x0ab\\x09\\x00\\x1b[31m\\x7f\\x85");
  assert.equal(quoted("\u2028\u202e\u200b"), "\\u2028\\u202e\\u200b");
  assert.equal(quoted("\n".repeat(200)).length, 201);
});
