import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CommandLine, type Exit, parseCommandLine } from "../../../src/cli/parser.ts";
import { SECTIONS } from "../../../src/settings/table.ts";
import { VERSION } from "../../../src/version.ts";

function parsed(words: readonly string[]): CommandLine {
  const result = parseCommandLine(words, 80);
  if (result.kind === "command line") return result;
  throw new Error(`expected a command line, got: ${result.stdout}${result.stderr}`);
}

function values(...words: string[]): Record<string, unknown> {
  return Object.fromEntries(parsed(words).values);
}

function exit(words: readonly string[], columns = 80): Exit {
  const result = parseCommandLine(words, columns);
  if (result.kind === "exit") return result;
  throw new Error("expected an exit, got a command line");
}

/** The words and the part of the message after `tunicorn: error: `, as Gunicorn 27 has it. */
const ERRORS: readonly (readonly [words: string, message: string])[] = [
  ["-w x", "argument -w/--workers: invalid int value: 'x'"],
  ["-w 1.5", "argument -w/--workers: invalid int value: '1.5'"],
  ["-w it's", `argument -w/--workers: invalid int value: "it's"`],
  ["-t 0x10", "argument -t/--timeout: invalid int value: '0x10'"],
  ["-w", "argument -w/--workers: expected one argument"],
  ["-m zz", "argument -m/--umask: invalid auto_int value: 'zz'"],
  ["--preload=3", "argument --preload: ignored explicit argument '3'"],
  [
    "--work 3",
    "ambiguous option: --work could match --workers, --worker-class, --worker-connections, --worker-tmp-dir",
  ],
  ["-x", "unrecognized arguments: -x"],
  ["--bogus app --fogus=3", "unrecognized arguments: --bogus --fogus=3"],
  ["app -w 3 other", "unrecognized arguments: other"],
];

describe("the parser", () => {
  it("keeps only what was given", () => assert.deepEqual(values("app:app"), {}));

  it("converts numbers", () => {
    assert.deepEqual(values("-w", "3", "-t", "010", "-m", "022"), { workers: 3, timeout: 10, umask: 0o22 });
  });

  it("takes an option as one word or as two", () => {
    assert.deepEqual(values("-w3", "--threads=4"), { workers: 3, threads: 4 });
  });

  it("takes an abbreviation that can mean only one option", () => {
    assert.deepEqual(values("--back", "5"), { backlog: 5 });
  });

  it("takes a negative number for a value", () => assert.deepEqual(values("-w", "-1"), { workers: -1 }));

  it("collects repeated options in their order, and otherwise keeps the last", () => {
    assert.deepEqual(values("-b", "a", "-w", "1", "--bind", "b", "-w", "2"), {
      bind: ["a", "b"],
      workers: 2,
    });
  });

  it("keeps the positionals", () => {
    assert.deepEqual(parsed(["-w", "3", "one:app", "two:app"]).positionals, ["one:app", "two:app"]);
  });

  it("takes everything after -- for positionals", () => {
    assert.deepEqual(parsed(["--", "-w"]).positionals, ["-w"]);
  });

  for (const [words, message] of ERRORS) {
    it(`refuses ${words}`, () => {
      assert.deepEqual(exit(words.split(" ")), {
        kind: "exit",
        code: 2,
        stdout: "",
        stderr: `usage: tunicorn [OPTIONS] [APP_MODULE]\ntunicorn: error: ${message}\n`,
      });
    });
  }

  it("suggests the option that was meant", () => {
    const message = (words: string[]) =>
      exit(words)
        .stderr.replace(/^.*error: /s, "")
        .trimEnd();
    assert.equal(message(["--wokers", "3"]), "unrecognized arguments: --wokers (did you mean --workers?)");
    assert.equal(
      message(["--wokers=3", "--tmeout", "--wrokers"]),
      "unrecognized arguments: --wokers=3 --tmeout --wrokers (did you mean --workers, --timeout?)",
    );
  });
});

describe("the version", () => {
  const version = { kind: "exit", code: 0, stdout: `tunicorn (version ${VERSION})\n`, stderr: "" };

  for (const words of [["-v"], ["--version"], ["app:app", "-v"], ["-v", "-w", "x"]]) {
    it(`is printed for ${words.join(" ")}`, () => assert.deepEqual(exit(words), version));
  }

  it("is that of the package", () => assert.match(VERSION, /^\d+\.\d+\.\d+/));
});

describe("the help", () => {
  const help = exit(["--help"]);

  it("is printed with success", () => {
    assert.equal(help.code, 0);
    assert.equal(help.stderr, "");
    assert.match(help.stdout, /^usage: tunicorn \[OPTIONS\] \[APP_MODULE\]\n/);
    assert.deepEqual(exit(["-h"]), help);
  });

  it("has a heading for every section that has options, in the order of the table", () => {
    const withOptions = SECTIONS.filter(({ settings }) => Object.values(settings).some(({ flags }) => flags));
    const headings = [...help.stdout.matchAll(/^(\w.*):$/gm)].map(([, title]) => title);
    assert.deepEqual(headings, ["options", ...withOptions.map(({ title }) => title)]);
  });

  it("names and describes every option", () => {
    const text = help.stdout.replace(/\s+/g, " ");
    for (const { flags, summary } of SECTIONS.flatMap(({ settings }) => Object.values(settings))) {
      if (flags === undefined) continue;
      assert.ok(text.includes(flags.join(", ")), flags[0]);
      assert.ok(text.includes(summary), summary);
    }
  });

  it("says what the defaults are, and which variable has a say in them", () => {
    const text = help.stdout.replace(/\s+/g, " ");
    assert.ok(text.includes("[$WEB_CONCURRENCY or 1]"));
    assert.ok(text.includes("[0.0.0.0:$PORT or 127.0.0.1:8000]"));
    assert.ok(text.includes('"%(r)s"'));
    assert.doesNotMatch(text, /\[(None|False|)\]/);
  });

  for (const columns of [60, 80, 120, 200]) {
    it(`is wrapped to ${columns} columns`, () => {
      for (const line of exit(["--help"], columns).stdout.split("\n")) assert.ok(line.length < columns, line);
    });
  }

  it("stays readable on a terminal that claims no width", () => {
    assert.ok(
      exit(["--help"], 1)
        .stdout.split("\n")
        .every((line) => line.length < 50),
    );
  });
});
