/**
 * The configuration file and the interpreter: root executes them before its child becomes the user of the settings, so whoever can
 * change them is root. Gunicorn does the same, and operators keep both with the application. So that is not refused, but
 * there is a line.
 *
 * Runs in: arbiter.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { groupsOf, isLesser } from "../as-user.ts";
import type { Identity } from "../identity.ts";
import { keeperOf } from "../path-keeper.ts";
import type { Loaded } from "../settings/load.ts";

const OTHERS_WRITE = 0o022;

/** A line for each. */
export function runAsRoot({ resolved, file }: Loaded, identity: Identity | null): string[] {
  if (!isLesser(identity)) return [];
  const location = file?.location.replace(/^file:/, "");
  const groups = groupsOf(identity);
  return [location, resolved.python]
    .filter((path) => path !== undefined && !path.startsWith("python:"))
    .map((path) => resolve(resolved.launchDirectory, path as string))
    .filter((path) => canBeChanged(path, groups))
    .map((path) => `Others than root can change ${path}, which decides what is executed as root`);
}

function canBeChanged(path: string, groups: readonly number[]): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return stats.uid !== 0 || (stats.mode & OTHERS_WRITE) !== 0 || keeperOf(path, groups) === "others";
}
