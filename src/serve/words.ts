/**
 * Settings as a program gives them to `serve`, and as words of the command line, which is how the server gets them: so they
 * are checked, and refused, as there.
 *
 * Runs in: a program that calls `serve`.
 */
import type { Setting } from "../settings/setting.ts";
import { SETTINGS, type SettingName, type Table } from "../settings/table.ts";

type Given<Entry> = Entry extends { readonly action: "store_true" | "store_const" }
  ? boolean
  : Entry extends { readonly action: "append" }
    ? string | readonly string[]
    : Entry extends { readonly nargs: "?" }
      ? string | boolean
      : Entry extends { readonly type: "int" | "auto_int" }
        ? number
        : string | number;

/** What makes no sense for a server that a program has started and waits for. */
type Excluded = "daemon" | "check_config" | "print_config";

/**
 * The settings that can be given on the command line, by Gunicorn's names: texts and numbers as there, true for a switch,
 * lists for what may be repeated. The others need a configuration file (`config`).
 */
export type ServeSettings = {
  readonly [Name in SettingName as Table[Name] extends { readonly flags: readonly string[] }
    ? Exclude<Name, Excluded>
    : never]?: Given<Table[Name]> | undefined;
};

const EXCLUDED: ReadonlySet<string> = new Set<Excluded>(["daemon", "check_config", "print_config"]);

/** Throws TypeError for what is no setting, or cannot be given. */
export function commandLineWords(settings: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const flag = Object.hasOwn(SETTINGS, name) ? SETTINGS[name as SettingName].flags?.at(-1) : undefined;
    if (flag === undefined) throw new TypeError(`${name} is no setting that serve takes`);
    if (EXCLUDED.has(name)) throw new TypeError(`${name} makes no sense with serve`);
    return words(name, flag, SETTINGS[name as SettingName], value);
  });
}

function words(
  name: string,
  flag: string,
  { action, nargs, const: fixed }: Setting<unknown>,
  value: unknown,
): string[] {
  if (action === "store_true" || action === "store_const") {
    if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false`);
    return value === (action === "store_true" || fixed === true) ? [flag] : [];
  }
  if (nargs === "?" && typeof value === "boolean") return value ? [flag] : [];
  const texts = action === "append" && Array.isArray(value) ? value : [value];
  return texts.map((text: unknown) => {
    if (typeof text !== "string" && typeof text !== "number")
      throw new TypeError(`${name} must be a text or a number`);
    return `${flag}=${text}`;
  });
}
