/**
 * Whether the instance's directories are still there. Cleaners remove what looks old (systemd-tmpfiles in /tmp, logind with
 * RemoveIPC in /dev/shm). Processes that run go on with what they have open, but no worker and no gateway could be started any
 * more, and nothing would say so.
 *
 * Rules: a file of the run directory that is not the same one as before is gone; what other processes have open of it cannot be
 * put back. The spool directory and that of the control socket are empty or refilled easily: they can be made again under their
 * names, unless somebody else has taken the name.
 *
 * Runs in: arbiter.
 */
import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { SCOREBOARD_FILE } from "../queue/layout.ts";
import type { RunDirectory } from "./run-directory.ts";

export type Damage =
  /** `path` has gone or was replaced: the instance needs other directories. */
  | { readonly kind: "lost"; readonly path: string }
  /** It can be made again. */
  | { readonly kind: "spool missing" | "control missing"; readonly path: string };

const OTHERS = 0o077;

export class DirectoryWatch {
  readonly #directory: RunDirectory;
  /** Device and inode of what was seen, by path. */
  readonly #seen = new Map<string, string>();

  /** The directories have just been made. */
  constructor(directory: RunDirectory) {
    this.#directory = directory;
    this.damages([]);
  }

  /** `files`: names in the run directory that others have made there and still use. */
  damages(files: readonly string[]): readonly Damage[] {
    const { path, spool, control, identity } = this.#directory;
    const paths = [SCOREBOARD_FILE, ...files].map((name) => join(path, name));
    const lost = [path, ...paths].find((each) => this.#isLost(each));
    if (lost !== undefined) return [{ kind: "lost", path: lost }];
    const ownUid = process.geteuid?.() ?? 0;
    return [
      ...damageTo(spool, identity?.uid ?? ownUid, "spool missing"),
      ...damageTo(control, ownUid, "control missing"),
    ];
  }

  #isLost(path: string): boolean {
    const found = maybeStats(path);
    if (found === undefined) return true;
    const now = `${found.dev}:${found.ino}`;
    const known = this.#seen.get(path) ?? now;
    this.#seen.set(path, known);
    return now !== known;
  }
}

/** `path`: null when there is no such directory. */
function damageTo(
  path: string | null,
  uid: number,
  kind: "spool missing" | "control missing",
): readonly Damage[] {
  if (path === null) return [];
  const found = maybeStats(path);
  if (found === undefined) return [{ kind, path }];
  return isPrivate(found, uid) ? [] : [{ kind: "lost", path }];
}

function maybeStats(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isPrivate(found: Stats, uid: number): boolean {
  return found.isDirectory() && found.uid === uid && (found.mode & OTHERS) === 0;
}
