/**
 * The types of settings in `tunicorn.config.ts`: what validators take, where the table knows what they return.
 *
 * Runs in: a developer's editor.
 */
import type { PythonObject } from "./python-object.ts";
import type { Setting } from "./setting.ts";
import type { SettingName, Table } from "./table.ts";

type Taken<Value, Entry> = Value extends number
  ? Entry extends { readonly type: "int" }
    ? number
    : number | string
  : Value extends readonly string[]
    ? string | Value
    : Value;

type Returned<Entry extends Setting<unknown>> = Exclude<ReturnType<Entry["validate"]>, PythonObject>;

/** Of one setting. */
export type ConfigValue<Name extends SettingName> = Taken<Returned<Table[Name]>, Table[Name]> | undefined;
