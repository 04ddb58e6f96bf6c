/**
 * Users besides root, for tests of what they can do to it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { Identity } from "../../src/identity.ts";

/** The reason to skip what only root can try; false for root. */
export const NEEDS_ROOT =
  process.getuid?.() === 0 && process.platform === "linux" ? false : "only root can be several users";

/** The user of the settings. */
export const NOBODY = 65534;
export const IDENTITY: Identity = { uid: NOBODY, gid: NOBODY, initgroups: false };
/** Somebody else. */
export const STRANGER = 34568;

/** Runs a program of the system as that user. */
export function as(uid: number, command: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { uid, gid: uid, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}
