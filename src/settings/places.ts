/**
 * Validators of settings that name something outside: files, accounts, addresses. The texts of the errors are Gunicorn's.
 *
 * Runs in: arbiter.
 */
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type BindAddress, parseBind } from "./addresses.ts";
import { pythonRepr } from "./python-text.ts";
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { textList, textOrNull } from "./validators.ts";

/** Files that must exist, and patterns, which may match nothing yet. Relative to the launch directory. */
export function filesOrPatterns(raw: unknown, { cwd }: Origin): readonly string[] {
  const entries = textList(raw);
  for (const entry of entries) {
    if (!/[*?[]/.test(entry)) {
      if (!existsSync(resolve(cwd, entry))) throw new SettingsError(`File ${entry} does not exists.`);
    } else if (globSync(entry, { cwd }).length === 0) {
      process.emitWarning(`Pattern ${entry} currently matches no files.`, "RuntimeWarning");
    }
  }
  return entries;
}

const STATSD_PORT = 8125;

/** Where metrics go to. Throws SettingsError. */
export function statsdAddress(raw: unknown): BindAddress | null {
  const given = textOrNull(raw);
  if (given === null) return null;
  // A host that is called unix.
  const host = /^unix:(?<port>\d+)$/.exec(given)?.groups?.port;
  if (host !== undefined) return { kind: "tcp", host: "unix", port: Number(host) };
  try {
    return parseBind(given, STATSD_PORT);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SettingsError("Value must be one of ('host:port', 'unix://PATH')");
  }
}

/** The number of a user; None is the one that runs Tunicorn. */
export function user(raw: unknown): number {
  return accountId(raw, process.geteuid?.() ?? 0, "/etc/passwd", "user");
}

/** The number of a group; None is that of the process. */
export function group(raw: unknown): number {
  return accountId(raw, process.getegid?.() ?? 0, "/etc/group", "group");
}

function accountId(raw: unknown, own: number, file: string, kind: string): number {
  if (raw === null || raw === undefined) return own;
  if (typeof raw === "boolean") return raw ? 1 : 0;
  if (typeof raw === "number") return raw;
  if (typeof raw !== "string") throw new SettingsError(`No such ${kind}: ${pythonRepr(raw)}`);
  if (/^\d+$/.test(raw)) return Number(raw);
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${raw}:`));
  if (line === undefined) throw new SettingsError(`No such ${kind}: '${raw}'`);
  return Number(line.split(":")[2]);
}

/** The default lies where the user may write. */
export function controlSocket(raw: unknown, { env }: Origin): string {
  const given = textOrNull(raw);
  if (given !== null) return given;
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime && statSync(runtime, { throwIfNoEntry: false })?.isDirectory())
    return join(runtime, "gunicorn.ctl");
  return join(env.HOME ?? "/", ".gunicorn/gunicorn.ctl");
}
