import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maybePythonInt, pythonIntError, pythonRepr, pythonStr } from "../../../src/settings/python-text.ts";

const INT_10: Readonly<Record<string, number | undefined>> = {
  "7": 7,
  " +7 ": 7,
  "-7": -7,
  "-0": 0,
  "007": 7,
  "1_000": 1000,
  "1__0": undefined,
  "0x10": undefined,
  "1.0": undefined,
  "": undefined,
  x: undefined,
};

const INT_0: Readonly<Record<string, number | undefined>> = {
  "7": 7,
  "-0x1F": -31,
  "0o22": 18,
  "0b11": 3,
  "0x_f": 15,
  "00": 0,
  "07": undefined,
  "0x": undefined,
  "1_": undefined,
  "": undefined,
};

const REPRS: readonly (readonly [unknown, string])[] = [
  ["plain", "'plain'"],
  ["it's", `"it's"`],
  [`'"`, `'\\'"'`],
  ["\n\\\t\r", "'\\n\\\\\\t\\r'"],
  ["\0\x7f\xa0", "'\\x00\\x7f\\xa0'"],
  ["é\u2028", "'é\\u2028'"],
  ["😀\u{10ffff}", "'😀\\U0010ffff'"],
  [null, "None"],
  [undefined, "None"],
  [true, "True"],
  [false, "False"],
  [1.5, "1.5"],
  [["a", 1], "['a', 1]"],
  [{ a: [null] }, "{'a': [None]}"],
];

describe("int() of Python", () => {
  for (const [text, value] of Object.entries(INT_10)) {
    it(`with base 10 makes ${value} of '${text}'`, () => assert.equal(maybePythonInt(text, 10), value));
  }

  for (const [text, value] of Object.entries(INT_0)) {
    it(`with base 0 makes ${value} of '${text}'`, () => assert.equal(maybePythonInt(text, 0), value));
  }

  it("says which text and base it failed on", () => {
    assert.equal(pythonIntError("x", 0), "invalid literal for int() with base 0: 'x'");
  });
});

describe("repr() of Python", () => {
  for (const [value, spelled] of REPRS) {
    it(`spells ${spelled}`, () => assert.equal(pythonRepr(value), spelled));
  }

  it("is str() for everything but a text", () => {
    assert.equal(pythonStr("it's"), "it's");
    assert.equal(pythonStr(["a"]), "['a']");
  });
});
