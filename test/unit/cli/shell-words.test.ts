import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { splitShellWords } from "../../../src/cli/shell-words.ts";

/** Every expectation is what Python's shlex.split returns. */
const SPLIT: readonly (readonly [title: string, line: string, words: readonly string[]])[] = [
  ["splits at blanks", " a  b\tc\nd\r", ["a", "b", "c", "d"]],
  ["makes no word of nothing", "  ", []],
  ["keeps blanks in single quotes", "a 'b  c' d", ["a", "b  c", "d"]],
  ["keeps blanks in double quotes", 'a "b  c" d', ["a", "b  c", "d"]],
  ["makes an empty word of empty quotes", `'' ""`, ["", ""]],
  ["joins what stands side by side", `x'y'"z"\\ w`, ["xyz w"]],
  ["takes a backslash as it is in single quotes", "'a\\'", ["a\\"]],
  ["escapes only quotes and backslashes in double quotes", '"a\\"b\\\\c\\d\\$"', ['a"b\\c\\d\\$']],
  ["escapes anything outside quotes", "\\a\\'\\\"\\\\\\\n", ["a'\"\\\n"]],
  ["keeps single quotes in double ones, and the other way round", `"it's" '"'`, ["it's", '"']],
  ["knows no comments", "a #b c#d", ["a", "#b", "c#d"]],
  ["expands nothing", "$HOME `x` * ~", ["$HOME", "`x`", "*", "~"]],
  ["does not split at other white space", "a\u00a0b\vc", ["a\u00a0b\vc"]],
];

const REFUSED: Readonly<Record<string, string>> = {
  "'a": "No closing quotation",
  'a "b': "No closing quotation",
  '"a\\"': "No closing quotation",
  "'a\\": "No closing quotation",
  '"a\\\\': "No closing quotation",
  "a\\": "No escaped character",
  '"a\\': "No escaped character",
};

describe("the splitter of shell words", () => {
  for (const [title, line, words] of SPLIT) {
    it(title, () => assert.deepEqual(splitShellWords(line), words));
  }

  for (const [line, message] of Object.entries(REFUSED)) {
    it(`refuses ${line}`, () => {
      assert.throws(() => splitShellWords(line), { name: "SettingsError", message });
    });
  }
});
