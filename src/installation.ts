/**
 * Where Tunicorn's own files lie.
 *
 *     checkout       src/*.ts                     python/tunicorn/*.py
 *     npm package    lib/*.js                     python/tunicorn/*.py
 *     Python wheel   tunicorn/_node/lib/*.js      tunicorn/*.py
 *
 * Runs in: arbiter, and in a program that calls `serve`.
 */
import { existsSync } from "node:fs";
import { extname, join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const BESIDE = join(ROOT, "python/tunicorn");
const PYTHON_PACKAGE = existsSync(BESIDE) ? BESIDE : join(ROOT, "..");
const EXTENSION = extname(import.meta.filename);

/** Node strips no types under node_modules: what is installed has been built. */
export const isBuilt = EXTENSION === ".js";

/** A module that is started as a program: its path below src, without the extension. */
export function programFile(path: string): string {
  return join(import.meta.dirname, path + EXTENSION);
}

/** A file of the Python package. */
export function pythonFile(name: string): string {
  return join(PYTHON_PACKAGE, name);
}
