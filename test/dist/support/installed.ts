/**
 * What `make dist` builds, installed as people install it: by pip into an empty virtual environment, by npm into an empty
 * project. The packages they depend on come from wherever pip and npm are configured to take them from.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { buildAll } from "../../../scripts/dist.ts";
import { temporaryDirectory } from "../../support/programs.ts";

export const ROOT = resolve(import.meta.dirname, "../../..");
export const PYTHON = join(ROOT, ".venv/bin/python");

/** The one place that states it. */
export const VERSION = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string })
  .version;

export interface Built {
  readonly wheel: string;
  readonly sdist: string;
  readonly tarball: string;
}

export async function build(): Promise<Built> {
  const directory = temporaryDirectory();
  const files = await buildAll(directory);
  const built = {
    wheel: join(directory, `tunicorn-${VERSION}-py3-none-any.whl`),
    sdist: join(directory, `tunicorn-${VERSION}.tar.gz`),
    tarball: join(directory, `tunicorn-${VERSION}.tgz`),
  };
  assert.deepEqual(files, Object.values(built).sort());
  return built;
}

export interface Finished {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Where {
  readonly cwd?: string;
  /** Added to the caller's, without what names a Python; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Its exit code is for the caller to look at. */
export function run(
  program: string,
  words: readonly string[],
  { cwd = ROOT, env }: Where = {},
): Promise<Finished> {
  const { VIRTUAL_ENV: _, NODE_COMPILE_CACHE: __, ...own } = process.env;
  return new Promise((done) => {
    execFile(program, words, { cwd, env: { ...own, ...env } }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : (error.code ?? String(error.signal)), stdout, stderr });
    });
  });
}

/** Its output; it must succeed. */
export async function succeed(program: string, words: readonly string[], where?: Where): Promise<string> {
  const { code, stdout, stderr } = await run(program, words, where);
  assert.equal(code, 0, `${program} ${words.join(" ")}:\n${stdout}${stderr}`);
  return stdout;
}

/** An empty one, of Python's own making. */
export async function createEnvironment(): Promise<string> {
  const venv = join(temporaryDirectory(), "venv");
  await succeed(PYTHON, ["-m", "venv", "--without-pip", venv]);
  return venv;
}

/** What it installs is of the versions that the other tests use. */
export function pip(
  venv: string,
  command: "install" | "uninstall",
  ...words: readonly string[]
): Promise<string> {
  const constraints = ["--constraint", join(ROOT, "requirements/dev.txt")];
  const own = command === "install" ? constraints : [];
  const python = join(venv, "bin/python");
  return succeed(PYTHON, ["-m", "pip", "--python", python, command, "--quiet", ...own, ...words]);
}

/** An empty project, and what npm puts into it. */
export async function npmInstall(...packages: readonly string[]): Promise<string> {
  const project = join(temporaryDirectory(), "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  await npm(project, "install", "--no-audit", "--no-fund", ...packages);
  return project;
}

export function npm(project: string, ...words: readonly string[]): Promise<string> {
  return succeed(join(ROOT, ".venv/bin/npm"), words, { cwd: project });
}

/** A PATH with this first. */
export function pathWith(directory: string): string {
  return [directory, "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);
}
