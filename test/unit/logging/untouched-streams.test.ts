/**
 * Programs that serve leave the flags of stdout and stderr alone.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, it } from "node:test";

const SOURCES = resolve(import.meta.dirname, "../../../src");

/** What prints and leaves, or runs in a program of somebody else. */
const MAY_PRINT = [
  "program.ts",
  "arbiter/check.ts",
  "arbiter/daemon.ts",
  "control/main.ts",
  "serve/serve.ts",
  "cli/config-type-page.ts",
  "cli/settings-page.ts",
  "cli/worker-states-page.ts",
];

const codeOf = (path: string): string =>
  readFileSync(join(SOURCES, path), "utf8").replace(/\/\*.*?\*\/|^\s*\/\/[^\n]*$/gms, "");

/** The file and all that it imports. */
function graphOf(entry: string): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const [, imported] of codeOf(path).matchAll(
      /^(?:import|export) (?!type)(?:[^";]* from )?"(\.[^"]+)"/gm,
    )) {
      add(relative(SOURCES, resolve(SOURCES, dirname(path), imported as string)));
    }
  };
  add(entry);
  return found;
}

describe("the sources", () => {
  it("mention process.stdout, process.stderr and console only where nobody is served", () => {
    const guilty = globSync("**/*.ts", { cwd: SOURCES }).filter((path) =>
      /process\.(stdout|stderr)|\bconsole\b/.test(codeOf(path)),
    );
    assert.deepEqual(guilty.sort(), [...MAY_PRINT].sort());
  });

  for (const entry of ["gateway/main.ts", "program.ts"]) {
    it(`of ${entry} import nothing that reads process.stderr before it is replaced`, () => {
      assert.match(codeOf(entry), /^\s*import "[./]+logging\/untouched-streams\.ts";/);
      const graph = graphOf(entry);
      assert.ok(graph.has("logging/line-writer.ts"), "the graph is followed");
      const guilty = [...graph].filter((path) =>
        /from "node:(util|console|assert|repl|test)"/.test(codeOf(path)),
      );
      assert.deepEqual(guilty, []);
    });
  }
});
