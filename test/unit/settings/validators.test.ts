import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Validator } from "../../../src/settings/setting.ts";
import * as validators from "../../../src/settings/validators.ts";
import { ROOT } from "./request.ts";

interface Cases {
  readonly takes: readonly (readonly [raw: unknown, value: unknown])[];
  readonly refuses: readonly (readonly [raw: unknown, message: string])[];
}

const NO_INT = "int() can't convert non-string with explicit base";

const CASES: Readonly<Record<keyof typeof validators, Cases>> = {
  text: {
    takes: [
      [" a ", "a"],
      ["", ""],
    ],
    refuses: [
      [3, "Not a string: 3"],
      [null, "Not a string: None"],
      [["a"], "Not a string: ['a']"],
    ],
  },
  textOrNull: {
    takes: [
      [" a ", "a"],
      [null, null],
      [undefined, null],
    ],
    refuses: [[true, "Not a string: True"]],
  },
  logPath: {
    takes: [
      [" - ", "-"],
      [null, "/dev/null"],
    ],
    refuses: [[3, "Not a string: 3"]],
  },
  textList: {
    takes: [
      [
        [" a ", ""],
        ["a", ""],
      ],
      [" a ", ["a"]],
      ["", []],
      [null, []],
    ],
    refuses: [
      [["a", 3], "Not a string: 3"],
      [3, "Not a list: 3"],
    ],
  },
  commaList: {
    takes: [
      ["a, b,,c", ["a", "b", "c"]],
      ["", []],
      [null, []],
    ],
    refuses: [[["a"], "Not a string: ['a']"]],
  },
  networkList: {
    takes: [
      ["*", ["*"]],
      ["10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]],
      ["", []],
    ],
    refuses: [
      ["host", "'host' does not appear to be an IPv4 or IPv6 network"],
      ["10.0.0.1/8", "10.0.0.1/8 has host bits set"],
      [["*"], "Not a string: ['*']"],
    ],
  },
  positiveInt: {
    takes: [
      [0, 0],
      [3, 3],
      [true, 1],
      [false, 0],
      [" 0x10 ", 16],
    ],
    refuses: [
      [-1, "Value must be positive: -1"],
      ["-0x10", "Value must be positive: -16"],
      ["abc", "invalid literal for int() with base 0: 'abc'"],
      [1.5, NO_INT],
      [null, NO_INT],
      [[], NO_INT],
    ],
  },
  bool: {
    takes: [
      [true, true],
      [false, false],
      [" True", true],
      ["FALSE", false],
      [null, false],
    ],
    refuses: [
      [1, "Invalid type for casting: 1"],
      ["yes", "Invalid boolean: yes"],
    ],
  },
  textDict: {
    takes: [
      [{}, {}],
      [{ A: " b " }, { A: "b" }],
    ],
    refuses: [
      [["A"], "Value is not a dictionary: ['A'] "],
      [null, "Value is not a dictionary: None "],
      [{ A: 1 }, "Not a string: 1"],
    ],
  },
  headerMap: {
    takes: [
      [" Refuse ", "refuse"],
      ["dangerous", "dangerous"],
      [null, "drop"],
    ],
    refuses: [
      ["keep", "Invalid header map behaviour: keep"],
      [1, "Invalid type for casting: 1"],
    ],
  },
  existingPath: {
    takes: [
      [".", ROOT],
      ["", ROOT],
      [" site/../site ", join(ROOT, "site")],
      [join(ROOT, "site"), join(ROOT, "site")],
    ],
    refuses: [
      ["nope", "can't chdir to 'nope'"],
      [null, "Not a string: None"],
    ],
  },
  program: {
    takes: [
      [" python3.12 ", "python3.12"],
      ["/usr/bin/python3", "/usr/bin/python3"],
      ["bin/python3", join(ROOT, "bin/python3")],
    ],
    refuses: [
      ["", "No Python interpreter given."],
      [null, "Not a string: None"],
    ],
  },
};

const cases = new Map(Object.entries(CASES));
const ORIGIN = { env: {}, cwd: ROOT };

for (const [name, validate] of Object.entries<Validator<unknown>>(validators)) {
  const { takes, refuses } = cases.get(name) ?? assert.fail(`${name} has no cases`);

  describe(`the validator ${name}`, () => {
    for (const [raw, value] of takes) {
      it(`takes ${JSON.stringify(raw)}`, () => assert.deepEqual(validate(raw, ORIGIN), value));
    }
    for (const [raw, message] of refuses) {
      it(`refuses ${JSON.stringify(raw)}`, () => {
        assert.throws(() => validate(raw, ORIGIN), { name: "SettingsError", message });
      });
    }
  });
}

describe("the launch directory", () => {
  const link = join(ROOT, "link");
  const other = join(ROOT, "other");
  mkdirSync(other);
  symlinkSync(ROOT, link);

  it("keeps the symbolic link that PWD went through", () => {
    assert.equal(validators.existingPath("site", { env: { PWD: link }, cwd: ROOT }), join(link, "site"));
  });

  it("does not believe a PWD that is another directory", () => {
    assert.equal(validators.existingPath(".", { env: { PWD: other }, cwd: ROOT }), ROOT);
  });

  it("does not believe a PWD that does not exist", () => {
    assert.equal(validators.existingPath(".", { env: { PWD: join(ROOT, "gone") }, cwd: ROOT }), ROOT);
  });
});
