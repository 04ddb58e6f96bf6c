/**
 * What a configuration file has set, as Python reports it (python/tunicorn/configuration.py), and which file it is.
 *
 * Runs in: arbiter.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { concernsUs, OWN_FILES, type OwnKind, ownKind } from "./own-files.ts";
import { PythonObject } from "./python-object.ts";
import { pythonRepr } from "./python-text.ts";
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

const DEFAULT_FILE = "gunicorn.conf.py";

/** A setting of the file: its value as JSON, and as Python spells it. In the order of the file. */
export type FileValue = readonly [name: string, value: unknown, text: string];

/** The file to read. */
export interface Choice {
  /** As it was given, or absolute. */
  readonly location: string;
  /** Undefined: Python's. */
  readonly own: OwnKind | undefined;
  /** Names of files that are there too, and do not count. */
  readonly others: readonly string[];
}

/** Exactly one file counts; null when there is none. `given` is what -c says. Throws SettingsError. */
export function findConfigurationFile(given: string | undefined, { cwd }: Origin): Choice | null {
  if (given === undefined) return findStandardFile(cwd);
  if (given.startsWith("python:")) return { location: given, own: undefined, others: [] };
  const path = given.replace(/^file:/, "");
  if (!existsSync(resolve(cwd, path))) throw new SettingsError(`${pythonRepr(path)} doesn't exist`);
  return { location: path, own: ownKind(path), others: [] };
}

function findStandardFile(cwd: string): Choice | null {
  const [name, ...others] = [DEFAULT_FILE, ...OWN_FILES].filter((each) => {
    const path = join(cwd, each);
    return existsSync(path) && concernsUs(path);
  });
  return name === undefined ? null : { location: join(cwd, name), own: ownKind(name), others };
}

/** Turns descriptions of what JSON cannot hold into objects. Throws SettingsError for a value that Python refuses. */
export function reviveValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reviveValue);
  if (typeof value !== "object" || value === null) return value;
  if ("$error" in value) throw new SettingsError(String(value.$error));
  if ("$python" in value) return PythonObject.from(value.$python);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reviveValue(item)]));
}
