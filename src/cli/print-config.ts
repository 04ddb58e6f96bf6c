/**
 * What `--print-config` prints: every setting by its name, spelled as Python spells it.
 *
 * Runs in: arbiter.
 */
import { type BindAddress, formatAddress } from "../settings/addresses.ts";
import type { Loaded } from "../settings/load.ts";
import { PythonObject } from "../settings/python-object.ts";
import { pythonRepr, pythonStr } from "../settings/python-text.ts";
import type { Setting } from "../settings/setting.ts";
import { SETTINGS } from "../settings/table.ts";

/** In Gunicorn's format. */
export function printedSettings(loaded: Loaded): string {
  const names = Object.keys(SETTINGS).sort();
  const width = Math.max(...names.map((name) => name.length));
  const values: Readonly<Record<string, unknown>> = loaded.settings;
  return names
    .map((name) => {
      // The application of the command line is no setting to Gunicorn.
      const isNone = name === "wsgi_app" && loaded.sources.wsgi_app === "command line";
      return `${name.padEnd(width)} = ${shownSetting(name, isNone ? null : values[name])}\n`;
    })
    .join("");
}

/** What the log says at the level debug, in the order of the table. */
export function currentConfiguration({ settings }: Loaded): string {
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}: ${shownSetting(name, value)}`);
  return `Current configuration:\n${lines.join("\n")}`;
}

/** One object, in which each setting says where its value comes from. */
export function printedAsJson({ settings, sources }: Loaded): string {
  const values: Readonly<Record<string, unknown>> = settings;
  const origins: Readonly<Record<string, string>> = sources;
  const entries = Object.keys(SETTINGS)
    .sort()
    .map((name) => [name, { value: values[name], source: origins[name] }]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

/** A value as Python spells it. */
export function shownSetting(name: string, value: unknown): string {
  const { hook } = (SETTINGS as Readonly<Record<string, Setting<unknown>>>)[name] ?? {};
  if (hook !== undefined && value === null) return `<${hook.standard}()>`;
  if (name === "statsd_host" && value !== null) return address(value as BindAddress);
  return value instanceof PythonObject ? value.toString() : pythonStr(value);
}

/** A tuple for TCP. */
function address(value: BindAddress): string {
  if (value.kind === "tcp") return `(${pythonRepr(value.host)}, ${value.port})`;
  return value.kind === "unix" ? value.path : formatAddress(value);
}
