/**
 * Where Tunicorn's own files lie.
 *
 *     checkout       src/*.ts                     python/tunicorn/*.py
 *     npm package    lib/*.js, one a program      python/tunicorn/*.py
 *     Python wheel   tunicorn/_node/lib/*.js      tunicorn/*.py
 *
 * Runs in: arbiter, gateway, tunicornctl, and in a program that calls `serve`.
 */
import { existsSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, extname, join } from "node:path";

/** States the version. Found from anywhere, because what is built has several modules in one file. */
export const MANIFEST = manifestFile();
const ROOT = dirname(MANIFEST);
const BESIDE = join(ROOT, "python/tunicorn");
const PYTHON_PACKAGE = existsSync(BESIDE) ? BESIDE : join(ROOT, "..");
const EXTENSION = extname(import.meta.filename);

/** Node strips no types under node_modules: what is installed has been built. */
const CODE = EXTENSION === ".ts" ? "src" : "lib";

/** A module that is started as a program: its path below src, without the extension. */
export function programFile(path: string): string {
  return join(ROOT, CODE, path + EXTENSION);
}

/** A file of the Python package. */
export function pythonFile(name: string): string {
  return join(PYTHON_PACKAGE, name);
}

function manifestFile(): string {
  const path = findPackageJSON(import.meta.url);
  if (path === undefined) throw new Error(`${import.meta.filename} is in no package`);
  return path;
}
