/**
 * Loads settings as the tests need it: with an environment that holds nothing but a PATH to a Python.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Exit } from "../../../src/cli/parser.ts";
import { type Loaded, type LoadResult, loadSettings } from "../../../src/settings/load.ts";
import type { Environment } from "../../../src/settings/setting.ts";

/** A directory of this test file's own, with `bin/python3` and an empty `site` in it. */
export const ROOT = mkdtempSync(join(tmpdir(), "tunicorn-settings-"));
after(() => rmSync(ROOT, { recursive: true }));
mkdirSync(join(ROOT, "bin"));
mkdirSync(join(ROOT, "site"));
writeFileSync(join(ROOT, "bin/python3"), "");
chmodSync(join(ROOT, "bin/python3"), 0o755);

export function request(argv: readonly string[], env: Environment): LoadResult {
  return loadSettings({ argv, env: { PATH: join(ROOT, "bin"), ...env }, cwd: ROOT });
}

export function loaded(argv: readonly string[] = ["app:app"], env: Environment = {}): Loaded {
  const result = request(argv, env);
  if (result.kind === "run") return result;
  throw new Error(`expected settings, got: ${result.stdout}${result.stderr}`);
}

export function exited(argv: readonly string[], env: Environment = {}): Exit {
  const result = request(argv, env);
  if (result.kind === "exit") return result;
  throw new Error("expected an exit, got settings");
}

/** What a mistake in a value comes back as. */
export function refusal(message: string): Exit {
  return { kind: "exit", code: 1, stdout: "", stderr: `\nError: ${message}\n` };
}

/** What a mistake in the use of the options comes back as. */
export function usageError(message: string): Exit {
  const stderr = `usage: tunicorn [OPTIONS] [APP_MODULE]\ntunicorn: error: ${message}\n`;
  return { kind: "exit", code: 2, stdout: "", stderr };
}
