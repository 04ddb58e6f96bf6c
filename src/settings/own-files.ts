/**
 * Configuration files that are not Python: `tunicorn.config.ts` (a module), JSON, and `[tool.tunicorn]` in pyproject.toml.
 *
 * Rules: names and values are those of the table, checked as everywhere; a name that is no setting is a mistake, while
 * Python files have all kinds of globals. Hooks are functions of Python and need a Python file.
 *
 * Runs in: arbiter, and the reader of a module (read-module.ts).
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { parse as parseToml } from "smol-toml";
import { maybeNearest } from "../cli/suggestion.ts";
import type { FileValue } from "./configuration.ts";
import type { Setting } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { SETTINGS } from "./table.ts";

export type OwnKind = "module" | "json" | "toml";

/** In the order in which they are looked for. */
export const OWN_FILES: readonly string[] = [
  ...["ts", "mts", "js", "mjs", "json"].map((extension) => `tunicorn.config.${extension}`),
  "pyproject.toml",
];

/** Undefined for Python's. */
export function ownKind(path: string): OwnKind | undefined {
  if (/\.m?[jt]s$/.test(path)) return "module";
  if (path.endsWith(".json")) return "json";
  return path.endsWith(".toml") ? "toml" : undefined;
}

/** Whether it has anything for us: a pyproject.toml is there for many reasons. Throws SettingsError when it cannot be read. */
export function concernsUs(path: string): boolean {
  return (
    basename(path) !== "pyproject.toml" || /^\s*\[+\s*tool\s*\.\s*tunicorn\b/m.test(readText(path, path))
  );
}

/** JSON and TOML. Throws SettingsError, or the system's error. */
export function readOwnFile(
  location: string,
  kind: Exclude<OwnKind, "module">,
  cwd: string,
): readonly FileValue[] {
  const path = resolve(cwd, location);
  const text = readText(location, path);
  let content: unknown;
  try {
    content = kind === "json" ? JSON.parse(text) : parseToml(text);
  } catch (error) {
    throw new SettingsError((error as Error).message.trim(), preface(location));
  }
  return fileValues(location, basename(path) === "pyproject.toml" ? ourTable(location, content) : content);
}

function readText(location: string, path: string): string {
  try {
    return readRegular(path);
  } catch (error) {
    throw new SettingsError((error as Error).message, preface(location));
  }
}

/** A reload reads it again: a FIFO that has taken its place must not stop the arbiter. Throws Error, or the system's error. */
function readRegular(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    // To read a directory has an error of its own.
    if (!stats.isFile() && !stats.isDirectory()) throw new Error("it is not a regular file");
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function ourTable(location: string, content: unknown): unknown {
  const { tool } = content as { tool?: { tunicorn?: unknown } };
  if (tool?.tunicorn === undefined) {
    throw new SettingsError("it has no table [tool.tunicorn]", preface(location));
  }
  return tool.tunicorn;
}

/** Of what a file says, in its order. Throws SettingsError. */
export function fileValues(location: string, content: unknown): readonly FileValue[] {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new SettingsError(
      `settings by their names are expected, not ${describe(content)}`,
      preface(location),
    );
  }
  const values: [string, unknown, string][] = [];
  for (const [name, value] of Object.entries(content)) {
    if (value === undefined) continue;
    checkName(location, name);
    values.push([name, value, JSON.stringify(value)]);
  }
  return values;
}

function checkName(location: string, name: string): void {
  const settings: Readonly<Record<string, Setting<unknown>>> = SETTINGS;
  const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
  if (name === "config") throw new SettingsError("config cannot be set in a file", preface(location));
  if (setting === undefined) {
    const nearest = maybeNearest(name, Object.keys(settings));
    const advice = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    throw new SettingsError(`${name} is no setting${advice}`, preface(location));
  }
  if (setting.hook !== undefined) {
    throw new SettingsError(
      `${name} is a hook, a function of Python: it needs gunicorn.conf.py`,
      preface(location),
    );
  }
}

function describe(content: unknown): string {
  if (content === undefined) return "nothing: is there a default export?";
  return Array.isArray(content) ? "a list" : content === null ? "null" : `a ${typeof content}`;
}

/** As Gunicorn begins it for a file of Python. */
export function preface(location: string): string {
  return `Failed to read config file: ${location}\n`;
}
