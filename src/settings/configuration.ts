/**
 * What a configuration file has set, as Python reports it (python/tunicorn/configuration.py), and which file it is.
 *
 * Runs in: arbiter.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { PythonObject } from "./python-object.ts";
import { pythonRepr } from "./python-text.ts";
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

const DEFAULT_FILE = "gunicorn.conf.py";

/** A setting of the file: its value as JSON, and as Python spells it. In the order of the file. */
export type FileValue = readonly [name: string, value: unknown, text: string];

/** Which file is to be read, made absolute; null when there is none. `given` is what -c says. Throws SettingsError. */
export function findConfigurationFile(given: string | undefined, { cwd }: Origin): string | null {
  if (given === undefined) {
    const path = join(cwd, DEFAULT_FILE);
    return existsSync(path) ? path : null;
  }
  if (given.startsWith("python:")) return given;
  const path = given.replace(/^file:/, "");
  if (!existsSync(resolve(cwd, path))) throw new SettingsError(`${pythonRepr(path)} doesn't exist`);
  return path;
}

/** Turns descriptions of what JSON cannot hold into objects. Throws SettingsError for a value that Python refuses. */
export function reviveValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reviveValue);
  if (typeof value !== "object" || value === null) return value;
  if ("$error" in value) throw new SettingsError(String(value.$error));
  if ("$python" in value) return PythonObject.from(value.$python);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reviveValue(item)]));
}
