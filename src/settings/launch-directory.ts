/**
 * The directory that Tunicorn was launched in, as the operator went there.
 *
 * Runs in: arbiter.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Origin } from "./setting.ts";

/** $PWD when it names the same directory as `cwd`: it keeps the symbolic link by which the operator went there. */
export function launchDirectory({ env, cwd }: Origin): string {
  return env.PWD && isSameDirectory(env.PWD, cwd) ? resolve(env.PWD) : cwd;
}

/** False also when one of them cannot be looked at. */
function isSameDirectory(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}
