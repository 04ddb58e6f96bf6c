/**
 * The validator of hooks: functions of a configuration file, which stay in Python.
 *
 * Runs in: arbiter.
 */
import { PythonObject } from "./python-object.ts";
import { pythonStr } from "./python-text.ts";
import type { Validator } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

/** A function of a configuration file, which stays in Python; null without one. */
export function hook(_arity: number | "post_request"): Validator<PythonObject | null> {
  return (raw) => {
    if (raw === null || raw === undefined) return null;
    if (raw instanceof PythonObject) return raw;
    throw new SettingsError(`Value is not callable: ${pythonStr(raw)}`);
  };
}
