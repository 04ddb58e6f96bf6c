/**
 * What values the settings take. Each validator is named for what it returns; the texts of the errors are
 * Gunicorn's.
 *
 * Rules: values come from the command line, the environment or (as JSON) a configuration file, so a validator
 * takes anything; Python's None is null. Texts are trimmed, as in Gunicorn.
 *
 * Runs in: arbiter.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseBind } from "./addresses.ts";
import { launchDirectory } from "./launch-directory.ts";
import { parseNetwork } from "./networks.ts";
import { PythonObject } from "./python-object.ts";
import { maybePythonInt, pythonIntError, pythonRepr, pythonStr } from "./python-text.ts";
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

export function text(raw: unknown): string {
  if (typeof raw !== "string") throw new SettingsError(`Not a string: ${pythonStr(raw)}`);
  return raw.trim();
}

export function textOrNull(raw: unknown): string | null {
  return raw === null || raw === undefined ? null : text(raw);
}

/** None is how Gunicorn is told to have no such log; readers of the setting need not know. */
export function logPath(raw: unknown): string {
  return textOrNull(raw) ?? "/dev/null";
}

/** A single text is a list of one. */
export function textList(raw: unknown): readonly string[] {
  if (!raw) return [];
  if (typeof raw === "string") return [text(raw)];
  if (Array.isArray(raw)) return raw.map(text);
  // Python iterates over the keys of a dictionary.
  if (typeof raw === "object" && !(raw instanceof PythonObject)) return Object.keys(raw).map(text);
  throw new SettingsError(`Not a list: ${pythonStr(raw)}`);
}

/** Paths of requests, or beginnings of them that end in `*`. */
export function pathPatterns(raw: unknown): readonly string[] {
  const patterns = textList(raw);
  for (const pattern of patterns) {
    if (!/^\/[^*]*\*?$/.test(pattern)) {
      throw new SettingsError(
        `not a path that begins with / and has * at its end only: ${pythonRepr(pattern)}`,
      );
    }
  }
  return patterns;
}

/** The path of a request. */
export function pathOrNull(raw: unknown): string | null {
  const path = textOrNull(raw);
  if (path !== null && !/^\/[^?#\s]*$/.test(path)) {
    throw new SettingsError(`not a path that begins with /: ${pythonRepr(path)}`);
  }
  return path;
}

/** One address in a form of `bind`. */
export function bindTextOrNull(raw: unknown): string | null {
  const address = textOrNull(raw);
  if (address !== null) parseBind(address);
  return address;
}

/** `A,B`: one text, in which empty parts do not count. */
export function commaList(raw: unknown): readonly string[] {
  const whole = textOrNull(raw);
  if (!whole) return [];
  return whole
    .split(",")
    .filter((part) => part !== "")
    .map((part) => part.trim());
}

/** Addresses and networks, or `*`; kept as texts. `parseNetwork` reads them. */
export function networkList(raw: unknown): readonly string[] {
  const networks = commaList(raw);
  for (const network of networks) if (network !== "*") parseNetwork(network);
  return networks;
}

/** 0 counts as positive, as in Gunicorn. A text may have a prefix (`0x10`); True is 1. */
export function positiveInt(raw: unknown): number {
  const value = wholeNumber(raw);
  if (value < 0) throw new SettingsError(`Value must be positive: ${value}`);
  return value;
}

/** At least 1. */
export function gatewayCount(raw: unknown): number | "auto" {
  if (typeof raw === "string" && raw.trim() === "auto") return "auto";
  const count = positiveInt(raw);
  if (count === 0) throw new SettingsError("there must be a gateway: 1 or more, or auto");
  return count;
}

/** Seconds; a fraction will do. */
export function secondsOrNull(raw: unknown): number | null {
  if (raw === null || raw === undefined) return null;
  const isNumber =
    typeof raw === "number" || (typeof raw === "string" && /^\s*-?(\d+\.?\d*|\.\d+)\s*$/.test(raw));
  const seconds = Number(raw);
  if (!isNumber || !Number.isFinite(seconds))
    throw new SettingsError(`Not a number of seconds: ${pythonStr(raw)}`);
  if (seconds < 0) throw new SettingsError(`Value must be positive: ${seconds}`);
  return seconds;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Bytes: a number, or a text such as `512M`. */
export function byteSize(raw: unknown): number {
  if (typeof raw !== "string") return positiveInt(raw);
  const [, digits, unit = ""] = /^(\d+) ?([kmg]?)$/i.exec(raw.trim()) ?? [];
  if (digits === undefined) throw new SettingsError(`Not a size: ${raw} (write bytes, or 512K, 300M, 2G)`);
  return Number(digits) * (UNITS[unit.toLowerCase()] ?? 1);
}

export function wholeNumber(raw: unknown): number {
  if (typeof raw === "boolean") return raw ? 1 : 0;
  if (typeof raw === "number" && Number.isInteger(raw)) return raw;
  if (typeof raw !== "string") throw new SettingsError("int() can't convert non-string with explicit base");
  const value = maybePythonInt(raw, 0);
  if (value === undefined) throw new SettingsError(pythonIntError(raw, 0));
  return value;
}

/** None, which Gunicorn keeps, is false wherever it is read, so it is made false here. */
export function bool(raw: unknown): boolean {
  if (raw === null || raw === undefined) return false;
  if (typeof raw === "boolean") return raw;
  if (typeof raw !== "string") throw new SettingsError(`Invalid type for casting: ${pythonStr(raw)}`);
  const word = raw.toLowerCase().trim();
  if (word !== "true" && word !== "false") throw new SettingsError(`Invalid boolean: ${raw}`);
  return word === "true";
}

/** None is a third value. */
export function boolOrNull(raw: unknown): boolean | null {
  return raw === null || raw === undefined ? null : bool(raw);
}

export function anyDict(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw) || raw instanceof PythonObject) {
    // The space at the end is Gunicorn's.
    throw new SettingsError(`Value is not a dictionary: ${pythonStr(raw)} `);
  }
  return { ...raw };
}

export function textDict(raw: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(anyDict(raw)).map(([key, value]) => [key, text(value)]));
}

/** An existing path, made absolute from the launch directory. */
export function existingPath(raw: unknown, origin: Origin): string {
  const path = text(raw);
  const absolute = resolve(launchDirectory(origin), path);
  if (!existsSync(absolute)) throw new SettingsError(`can't chdir to ${pythonRepr(path)}`);
  return absolute;
}

/** A program: a name is looked for on PATH later; a path is made absolute, because `chdir` comes later. */
export function program(raw: unknown, origin: Origin): string {
  const path = text(raw);
  if (path === "") throw new SettingsError("No Python interpreter given.");
  return path.includes("/") ? resolve(launchDirectory(origin), path) : path;
}
