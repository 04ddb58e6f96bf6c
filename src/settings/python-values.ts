/**
 * Settings whose values stay in Python: hooks, which are functions of a configuration file, and classes. Python judges
 * hooks (python/tunicorn/configuration.py).
 *
 * Runs in: arbiter.
 */
import { PythonObject } from "./python-object.ts";
import { pythonStr } from "./python-text.ts";
import type { Effect, Setting } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

/** `standard`: what Gunicorn's default is called. `arity` 0: two to four arguments, the last two of which may be missing. */
export function hook(
  summary: string,
  arity: number,
  standard: string,
  effect?: Effect,
): Setting<PythonObject | null> {
  return {
    summary,
    validate: functionOrNull,
    default: null,
    hook: { arity, standard },
    ...(effect !== undefined && { effect }),
  };
}

/** Null without one. */
function functionOrNull(raw: unknown): PythonObject | null {
  if (raw === null || raw === undefined || raw instanceof PythonObject) return raw ?? null;
  throw new SettingsError(`Value is not callable: ${pythonStr(raw)}`);
}

/** The validator of a class, which may be named by a text. */
export function classOrText(raw: unknown): PythonObject | string {
  if (raw instanceof PythonObject && raw.callable !== null) return raw;
  if (typeof raw === "string") return raw.trim();
  throw new SettingsError(`Not a string: ${pythonStr(raw)}`);
}
