import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCommandLine } from "../../../src/cli/parser.ts";
import { commandLineWords } from "../../../src/serve/words.ts";
import { SETTINGS } from "../../../src/settings/table.ts";

const EXCLUDED = ["daemon", "check_config", "print_config"];

/** What the parser makes of the words. */
function parsed(settings: Readonly<Record<string, unknown>>): unknown {
  const line = parseCommandLine(commandLineWords(settings), 80);
  assert.ok(line.kind !== "exit", line.kind === "exit" ? line.stderr : "");
  return Object.fromEntries(line.values);
}

describe("a setting as words of the command line", () => {
  for (const [name, { flags, action, nargs, type, const: fixed }] of Object.entries(SETTINGS)) {
    if (flags === undefined || EXCLUDED.includes(name)) continue;
    it(`is what was given: ${name}`, () => {
      if (action === "store_true" || action === "store_const") {
        const given = action === "store_true" || fixed === true;
        assert.deepEqual(parsed({ [name]: given }), { [name]: given });
        assert.deepEqual(commandLineWords({ [name]: !given }), []);
      } else if (action === "append") {
        assert.deepEqual(parsed({ [name]: ["a=b", "--c d"] }), { [name]: ["a=b", "--c d"] });
        assert.deepEqual(parsed({ [name]: "a" }), { [name]: ["a"] });
      } else if (type !== undefined) {
        assert.deepEqual(parsed({ [name]: 7 }), { [name]: 7 });
      } else {
        assert.deepEqual(parsed({ [name]: "-x y=z" }), { [name]: "-x y=z" });
        if (nargs === "?") assert.deepEqual(parsed({ [name]: true }), { [name]: fixed });
      }
    });
  }

  it("is left out when it is undefined", () =>
    assert.deepEqual(commandLineWords({ workers: undefined }), []));

  for (const [title, settings, message] of [
    ["is unknown", { workerz: 2 }, "workerz is no setting that serve takes"],
    ["is a name of Object's", { constructor: 2 }, "constructor is no setting that serve takes"],
    ["is a function", { on_starting: () => {} }, "on_starting is no setting that serve takes"],
    ["goes to the background", { daemon: true }, "daemon makes no sense with serve"],
    ["is a switch and a text", { preload_app: "yes" }, "preload_app must be true or false"],
    ["is an object", { workers: { count: 2 } }, "workers must be a text or a number"],
    ["is a list with nothing in it", { bind: ["a:1", null] }, "bind must be a text or a number"],
  ] as const) {
    it(`is refused when it ${title}`, () => {
      assert.throws(() => commandLineWords(settings), { name: "TypeError", message });
    });
  }
});
