import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { findConfigurationFile } from "../../../src/settings/configuration.ts";
import { fileValues, readOwnFile } from "../../../src/settings/own-files.ts";
import { SettingsError } from "../../../src/settings/settings-error.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

function refused(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return `${error.preface}${error.message}`;
  }
  return assert.fail("it was taken");
}

describe("the file that counts", () => {
  const choose = (cwd: string, given?: string): unknown => {
    const choice = findConfigurationFile(given, { cwd, env: {} });
    return choice && [choice.location.replace(`${cwd}/`, ""), choice.own, ...choice.others];
  };
  const OURS = "[tool.tunicorn]\nworkers = 2\n";

  it("is the first in the documented order, and the others are named", () => {
    const files = { "pyproject.toml": OURS, "tunicorn.config.json": "{}" };
    assert.deepEqual(choose(directoryWith(files)), ["tunicorn.config.json", "json", "pyproject.toml"]);
    assert.deepEqual(choose(directoryWith({ ...files, "tunicorn.config.ts": "", "gunicorn.conf.py": "" })), [
      "gunicorn.conf.py",
      undefined,
      "tunicorn.config.ts",
      "tunicorn.config.json",
      "pyproject.toml",
    ]);
    for (const name of [
      "tunicorn.config.ts",
      "tunicorn.config.mts",
      "tunicorn.config.js",
      "tunicorn.config.mjs",
    ]) {
      assert.deepEqual(choose(directoryWith({ [name]: "" })), [name, "module"]);
    }
  });

  it("is pyproject.toml only when that has a table for us", () => {
    for (const text of [
      OURS,
      "[project]\n\n  [ tool . tunicorn ] # ours\n",
      "[tool.tunicorn.secure_scheme_headers]\n",
    ]) {
      assert.deepEqual(choose(directoryWith({ "pyproject.toml": text })), ["pyproject.toml", "toml"]);
    }
    for (const text of ["[project]\n", "# [tool.tunicorn]\n", "[tool.tunicornx]\n", "= broken"]) {
      assert.equal(choose(directoryWith({ "pyproject.toml": text })), null);
    }
  });

  it("is not waited for when it is a FIFO", () => {
    const directory = temporaryDirectory();
    assert.equal(spawnSync("mkfifo", [join(directory, "pyproject.toml")]).status, 0);
    assert.match(
      refused(() => choose(directory)),
      /^Failed to read config file: .*pyproject\.toml\nit is not a regular file/,
    );
  });

  it("is the one that is named, whatever there is", () => {
    const directory = directoryWith({ "gunicorn.conf.py": "", "my.toml": "", "my.ts": "", "my.conf": "" });
    assert.deepEqual(choose(directory, "my.toml"), ["my.toml", "toml"]);
    assert.deepEqual(choose(directory, "file:my.ts"), ["my.ts", "module"]);
    assert.deepEqual(choose(directory, "my.conf"), ["my.conf", undefined]);
    assert.match(
      refused(() => choose(directory, "none.ts")),
      /'none\.ts' doesn't exist/,
    );
  });
});

describe("JSON and TOML", () => {
  const read = (name: string, text: string): unknown =>
    readOwnFile(name, name.endsWith(".json") ? "json" : "toml", directoryWith({ [name]: text }));

  it("give settings in the order of the file", () => {
    const expected = [
      ["workers", 3, "3"],
      ["bind", ["a:1", "b:2"], '["a:1","b:2"]'],
    ];
    assert.deepEqual(read("x.json", '{"workers": 3, "bind": ["a:1", "b:2"]}'), expected);
    assert.deepEqual(read("x.toml", 'workers = 3\nbind = ["a:1", "b:2"]\n'), expected);
    assert.deepEqual(
      read("pyproject.toml", '[tool.tunicorn]\nworkers = 3\nbind = ["a:1", "b:2"]\n'),
      expected,
    );
  });

  const REFUSED: readonly [name: string, text: string, message: RegExp][] = [
    ["x.json", '{"workers": 3,}', /^Failed to read config file: x\.json\n.*line 1 column 15/],
    ["x.json", "", /^Failed to read config file: x\.json\nUnexpected end of JSON input/],
    ["x.json", "[]", /\nsettings by their names are expected, not a list$/],
    ["x.json", "null", /\nsettings by their names are expected, not null$/],
    ["x.toml", "workers = \n", /^Failed to read config file: x\.toml\n[\s\S]*1: {2}workers =/],
    ["pyproject.toml", "[project]\n", /\nit has no table \[tool\.tunicorn\]$/],
    ["pyproject.toml", "[tool]\ntunicorn = 3\n", /\nsettings by their names are expected, not a number$/],
    ["x.json", '{"wokers": 3}', /\nwokers is no setting; did you mean workers\?$/],
    ["x.json", '{"zzz": 3}', /\nzzz is no setting$/],
    ["x.json", '{"config": "other.py"}', /\nconfig cannot be set in a file$/],
    [
      "x.json",
      '{"post_fork": "module:function"}',
      /\npost_fork is a hook, a function of Python: it needs gunicorn\.conf\.py$/,
    ],
    ["x.json", '{"__proto__": 3}', /\n__proto__ is no setting$/],
  ];
  for (const [name, text, message] of REFUSED) {
    it(`refuse ${JSON.stringify(text)} in ${name}`, () =>
      assert.match(
        refused(() => read(name, text)),
        message,
      ));
  }

  it("that cannot be read are told", () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "x.json"));
    assert.match(
      refused(() => readOwnFile("x.json", "json", directory)),
      /^Failed to read config file: x\.json\nEISDIR/,
    );
    assert.match(
      refused(() => readOwnFile("none.json", "json", directory)),
      /ENOENT/,
    );
  });

  it("leave out what is undefined, and say when nothing was exported", () => {
    assert.deepEqual(fileValues("x.ts", { workers: undefined, threads: 2 }), [["threads", 2, "2"]]);
    assert.match(
      refused(() => fileValues("x.ts", undefined)),
      /not nothing: is there a default export\?$/,
    );
  });
});
