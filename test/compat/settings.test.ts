/**
 * Every setting beside real Gunicorn's, in its three forms: on the command line, in GUNICORN_CMD_ARGS and in a
 * configuration file. Thousands of values are judged by one process of each.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { printedSettings, shownSetting } from "../../src/cli/print-config.ts";
import { reviveValue } from "../../src/settings/configuration.ts";
import { beginLoading } from "../../src/settings/load.ts";
import type { Setting } from "../../src/settings/setting.ts";
import { SettingsError } from "../../src/settings/settings-error.ts";
import { SETTINGS } from "../../src/settings/table.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { Differences } from "./support/differences.ts";

const ROOT = join(import.meta.dirname, "../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const DIRECTORY = temporaryDirectory();
const ENVIRONMENT = { PATH: join(ROOT, ".venv/bin"), HOME: DIRECTORY, VIRTUAL_ENV: join(ROOT, ".venv") };

const TABLE: Readonly<Record<string, Setting<unknown>>> = SETTINGS;
const GUNICORNS = Object.entries(TABLE).filter(([, { own }]) => own !== true);

/** Expressions of a configuration file, each of which every setting is given. */
const EXPRESSIONS = [
  ...["None", "True", "False", "0", "7", "-1", "2.5", "b'x'", "int", "object"],
  ...["''", "'7'", "'-7'", "'0x10'", "'true'", "' Off '", "'x'", "' some text '", "'a:b'", "'host:81'"],
  ...["'h2,h1'", "'v1'", "'refuse'", "'poll'", "'*,10.0.0.0/8'", "'10.0.0.1/8'", "'/nope/nope'"],
  ...["[]", "['a', ' b ']", "[1]", "{}", "{'A': 'b'}"],
  ...[
    "(lambda: 'sync')",
    "(lambda a: 1)",
    "(lambda a, b: 1)",
    "(lambda a, b, c: 1)",
    "(lambda a, b, c, d: 1)",
  ],
  ...["'os.path.nope'", "'no_such_module.name'", "'os.path.isdir'"],
];

/** What Gunicorn finds out only when it starts; cli.test.ts compares that. */
const AT_THE_START =
  /cannot be used yet: |class uri .* invalid or not found|environment setting .* invalid|: Invalid address/;

const LISTS = ["('a', 'b')", "{'a'}"];

interface Judged {
  readonly value?: string;
  readonly error?: string;
}

interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandLine {
  readonly words: readonly string[];
  readonly environment: string;
}

/** Options of Tunicorn alone. */
const OWN_FLAGS = new Differences("option").listed("tunicorn");

const VALUES = GUNICORNS.flatMap(([name, { default: standard }]) =>
  [...EXPRESSIONS, ...(Array.isArray(standard) ? LISTS : [])].map(
    (expression) => [name, expression] as const,
  ),
);
const COMMAND_LINES = GUNICORNS.flatMap(([, setting]) => commandLines(setting));

const gunicorn = JSON.parse(
  runPython("gunicorn_settings.py", { values: VALUES, command_lines: COMMAND_LINES }),
) as { readonly values: readonly Judged[]; readonly command_lines: readonly Printed[] };

/** Words that set it, that are refused, and the same by the environment. */
function commandLines({
  flags: [short, long = short] = ["", ""],
  action,
  type,
}: Setting<unknown>): CommandLine[] {
  if (short === "" || long === undefined || OWN_FLAGS.includes(long)) return [];
  const isFlag = action === "store_true" || action === "store_const";
  const given = isFlag ? [[long], [`${long}=1`]] : argumentsFor(type).map((word) => [long, word]);
  const [first = []] = given;
  return [
    ...given.map((words) => ({ words: [...words, "app:app"], environment: "" })),
    ...(isFlag ? [] : [{ words: [`${long}=x y`, "app:app"], environment: "" }]),
    { words: [long, ...(isFlag ? [] : [short]), "app:app"], environment: "" },
    { words: ["app:app"], environment: [short, ...first.slice(1)].join(" ") },
  ];
}

function argumentsFor(type: Setting<unknown>["type"]): readonly string[] {
  return type === undefined ? ["7", "x", " a , b "] : ["7", "x", "-1", "0x10", "010"];
}

describe("a value in a configuration file", () => {
  const reports = JSON.parse(
    runPython("tunicorn_values.py", {
      values: VALUES,
      arities: Object.fromEntries(
        GUNICORNS.map(([name, { hook }]) => [name, hook?.arity]).filter(([, n]) => n !== undefined),
      ),
    }),
  ) as readonly (readonly [string, unknown, string])[];
  const differences = new Differences("value");

  for (const [name] of GUNICORNS) {
    it(`of ${name} is taken, printed and refused as by Gunicorn`, () => {
      const unexplained: string[] = [];
      VALUES.forEach(([each, expression], index) => {
        if (each !== name) return;
        const theirs = shown(gunicorn.values[index] ?? {});
        const ours = shown(judge(name, reports[index]?.[1]));
        if (theirs === ours) return;
        const row = maybeRow(theirs, ours);
        if (row === undefined)
          unexplained.push(`${name} = ${expression}: Gunicorn ${theirs}, Tunicorn ${ours}`);
        else differences.compareUnlike({ gunicorn: { value: theirs }, tunicorn: { value: ours } }, row);
      });
      assert.deepEqual(unexplained, []);
    });
  }

  it("shows every documented difference", () => differences.assertAllOccurred());
});

describe("a command line", () => {
  for (const [index, { words, environment }] of COMMAND_LINES.entries()) {
    const title = environment === "" ? words.join(" ") : `GUNICORN_CMD_ARGS='${environment}'`;
    it(`${title} comes to the same`, () => {
      const ours = printed({ words, environment });
      const theirs = comparablePrinted(gunicorn.command_lines[index]);
      if (AT_THE_START.test(ours.stderr)) assert.equal(ours.code, 1);
      else assert.deepEqual(ours, theirs);
    });
  }
});

after(cleanUp);

function shown({ value, error }: Judged): string {
  return comparable(value ?? `Error: ${error}`);
}

/** Rows of docs/differences.md, and what Gunicorn and Tunicorn make of the values that they are about. */
const ROWS: readonly (readonly [row: string, theirs: RegExp, ours: RegExp])[] = [
  ["bytes for a number", /^Error: invalid literal for int\(\) .* b'x'$/, /^Error: int\(\) can't convert/],
  ["what is no list", /object is not iterable$/, /^Error: Not a list: /],
  ["bytes for a list", /^Error: Not a string: 120$/, /^Error: Not a list: b'x'$/],
  ["None for a switch", /^None$/, /^False$/],
  ["None for a text", /^None$/, /^Error: Not a string: None$/],
  ["None for `header_map`", /^None$/, /^drop$/],
  ["None for `control_socket`", /^None$/, /\.ctl$/],
  ["None for `errorlog`", /^None$/, /^\/dev\/null$/],
  ["None for `chdir`", /^Error: join\(\) argument/, /^Error: Not a string: None$/],
  ["what is no user or group", /has no attribute 'isdigit'$/, /^Error: No such (user|group): /],
  ["bytes for a user or group", /must be str, not bytes$/, /^Error: No such (user|group): b'x'$/],
  ["a switch for a user or group", /^True$/, /^1$/],
  ["no switch for a user or group", /^False$/, /^0$/],
  ["what is no text for `reload_engine`", /^Error: unhashable type/, /^Error: Invalid reload_engine: /],
  ["`post_request` with fewer arguments", /^<validate_post_request/, /^<<lambda>\(\)>$/],
];

function maybeRow(theirs: string, ours: string): string | undefined {
  const row = ROWS.find(([, gunicorns, tunicorns]) => gunicorns.test(theirs) && tunicorns.test(ours));
  return row && `value: ${row[0]}`.replaceAll("`", "");
}

function judge(name: string, reported: unknown): Judged {
  const setting = TABLE[name];
  assert.ok(setting);
  try {
    return {
      value: shownSetting(
        name,
        setting.validate(reviveValue(reported), { env: ENVIRONMENT, cwd: DIRECTORY }),
      ),
    };
  } catch (error) {
    if (error instanceof SettingsError) return { error: error.message };
    throw error;
  }
}

function printed({ words, environment }: CommandLine): Printed {
  const env = { ...ENVIRONMENT, GUNICORN_CMD_ARGS: environment };
  const begun = beginLoading({ argv: words, env, cwd: DIRECTORY });
  const result = begun.kind === "begun" ? begun.finish([]) : begun;
  if (result.kind === "run")
    return comparablePrinted({ code: 0, stdout: printedSettings(result), stderr: "" });
  return comparablePrinted(result);
}

/** Without Tunicorn's own settings, and the names of the programs. */
function comparablePrinted(
  { code, stdout, stderr }: Printed = { code: -1, stdout: "", stderr: "" },
): Printed {
  const lines = stdout.split("\n").filter((line) => TABLE[line.split(" ", 1)[0] ?? ""]?.own !== true);
  // Tunicorn says it of every setting that has no effect, once it starts.
  const errors = stderr.replace(/^Warning: option `ssl_version` is deprecated.*\n/m, "");
  return { code, stdout: comparable(lines.join("\n")), stderr: comparable(errors) };
}

function comparable(text: string): string {
  return text.replaceAll(/0x[0-9a-f]{6,}/g, "0xADDRESS").replaceAll(/\b[gt]unicorn\b/g, "PROGRAM");
}

function runPython(script: string, input: unknown): string {
  return execFileSync(PYTHON, [join(import.meta.dirname, "support", script)], {
    input: JSON.stringify(input),
    cwd: DIRECTORY,
    env: { ...ENVIRONMENT, PYTHONPATH: join(ROOT, "python"), COLUMNS: "80" },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
}
