/**
 * The instance's private directory: FIFO, arenas, scoreboard, reply sockets on tmpfs, and beside it the spool directory
 * for large bodies and waiting responses on disk (`tmp_upload_dir`). Mode 0700, one per instance, removed at the end.
 *
 * What an instance that was killed has left is removed by the next start: the name says whose it was. The pid
 * namespace is part of it, because containers may share /dev/shm but not pids.
 *
 * As root with `user`: the two directories are the user's, so everything in them is made, opened and removed with that user's
 * rights. The third one, for the control socket, is root's, and lies where nobody else can rename it.
 *
 * Runs in: arbiter.
 */
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { asUser, atPath, groupsOf, isLesser } from "../as-user.ts";
import type { Identity } from "../identity.ts";
import { keeperOf } from "../path-keeper.ts";
import { pidNamespace } from "../pid-namespace.ts";
import { arenaFile, repliesFile, SCOREBOARD_FILE } from "../queue/layout.ts";
import { createScoreboard } from "../queue/scoreboard.ts";

const SHARED_MEMORY = "/dev/shm";
const PRIVATE = 0o700;
/** Where root's directory for temporary files is its own (pam_tmpdir), the user needs another. */
const TEMPORARY = "/tmp";

export interface Place {
  /** Whose it becomes, with all that is in it; null: who runs the arbiter. */
  readonly identity?: Identity | null;
  /** Instead of shared memory. */
  readonly worker_tmp_dir?: string | null;
  /** Instead of the directory for temporary files. */
  readonly tmp_upload_dir?: string | null;
  /** What could not be removed. */
  readonly warn?: (message: string) => void;
}

export class RunDirectory {
  readonly path: string;
  readonly spool: string;
  /** What only the arbiter's own user may come near: the control socket. Null: there is no place that only root could change. */
  readonly control: string | null;
  readonly identity: Identity | null;
  readonly #warn: (message: string) => void;

  /** Throws Error when one cannot be made; then there is none. */
  constructor(scoreboardSlots: number, place: Place = {}) {
    const { identity = null, worker_tmp_dir, tmp_upload_dir, warn = () => {} } = place;
    const shared = worker_tmp_dir ?? (isWritable(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
    const prefix = `tunicorn-${process.getuid?.() ?? 0}-${pidNamespace()}-`;
    if (!existsSync(shared)) throw new Error(`${shared} doesn't exist. Can't create workertmp.`);
    this.identity = identity;
    this.#warn = warn;
    for (const parent of new Set([shared, SHARED_MEMORY, tmpdir(), TEMPORARY]))
      this.#removeStale(parent, prefix);
    this.spool = tmp_upload_dir
      ? this.#makeSpool(resolve(tmp_upload_dir), prefix)
      : this.#makeTemporary(prefix);
    let path: string | null = null;
    try {
      this.path = path = makeIn(shared, prefix, identity);
      const scoreboard = join(path, SCOREBOARD_FILE);
      asUser(identity, () => createScoreboard(scoreboard, scoreboardSlots));
      this.control = maybeControl([shared, SHARED_MEMORY, tmpdir(), TEMPORARY], prefix, identity);
    } catch (error) {
      for (const made of [this.spool, path]) if (made !== null) this.#removeDirectory(made, identity);
      throw error;
    }
  }

  /** What a gateway that has died may have left: its arena, its socket, the bodies of requests that nobody waits for. */
  removeGateway(age: number): void {
    const files = [arenaFile(age), repliesFile(age)].map((name) => join(this.path, name));
    asUser(this.identity, () => {
      const spooled = namesIn(this.spool).filter((name) => name.startsWith(`${age}-`));
      for (const file of [...files, ...spooled.map((name) => join(this.spool, name))]) this.#removeFile(file);
    });
  }

  /** Makes the spool directory again, which somebody has removed, under its name. Throws the system's error. */
  restoreSpool(): void {
    asUser(this.identity, () => mkdirSync(this.spool, { mode: PRIVATE }));
  }

  /** The same for the control socket's. */
  restoreControl(): void {
    if (this.control !== null) mkdirSync(this.control, { mode: PRIVATE });
  }

  /** What cannot be removed costs a warning. */
  remove(): void {
    for (const path of [this.path, this.spool]) this.#removeDirectory(path, this.identity);
    if (this.control !== null) this.#removeDirectory(this.control, null);
  }

  /** Absolute: applications may change the directory, and it is workers that open the files. */
  #makeSpool(parent: string, prefix: string): string {
    this.#removeStale(parent, prefix);
    try {
      return makeIn(parent, prefix, this.identity);
    } catch (error) {
      const [reason] = (error as Error).message.split(",");
      throw new Error(`tmp_upload_dir '${parent}' isn't writable [${reason}]`);
    }
  }

  #makeTemporary(prefix: string): string {
    try {
      return makeIn(tmpdir(), prefix, this.identity);
    } catch (error) {
      if (!isLesser(this.identity) || tmpdir() === TEMPORARY) throw error;
      return makeIn(TEMPORARY, prefix, this.identity);
    }
  }

  /**
   * Only what is this user's, or that of the settings, and with their rights: anybody can make a directory of any name in /tmp. What
   * cannot be removed does not concern the start.
   */
  #removeStale(parent: string, prefix: string): void {
    for (const name of namesIn(parent)) {
      if (!name.startsWith(prefix)) continue;
      const pid = Number.parseInt(name.slice(prefix.length), 10);
      if (!(pid > 0) || pid === process.pid || isAlive(pid)) continue;
      const path = join(parent, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found?.isDirectory() !== true) continue;
      const isOurs = found.uid === process.geteuid?.();
      if (isOurs && !canOthersMove(path, this.identity)) this.#removeDirectory(path, null);
      else if (!isOurs && found.uid === this.identity?.uid) this.#removeDirectory(path, this.identity);
    }
  }

  #removeDirectory(path: string, owner: Identity | null): void {
    this.#attempt(path, () => {
      asUser(owner, () => {
        if (!lstatSync(path).isDirectory()) throw new Error("it is no directory any more");
        for (const name of namesIn(path)) rmSync(join(path, name), { recursive: true, force: true });
      });
      // Its own directory may be one that the user cannot write.
      atPath(path, owner, () => rmdirSync(path));
    });
  }

  #removeFile(path: string): void {
    this.#attempt(path, () => unlinkSync(path));
  }

  #attempt(path: string, remove: () => void): void {
    try {
      remove();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") this.#warn(`'${path}' not removed: ${message}`);
    }
  }
}

/** Throws the system's error. */
function makeIn(parent: string, prefix: string, identity: Identity | null): string {
  const template = join(parent, `${prefix}${process.pid}-`);
  return atPath(template, identity, () => {
    const path = mkdtempSync(template);
    if (identity !== null && isRootNow()) give(path, identity);
    return path;
  });
}

/** Made by root, in a directory where nobody can put anything in its place meanwhile; but the user must be able to get there. */
function give(path: string, identity: Identity): void {
  try {
    chownSync(path, identity.uid, identity.gid);
    asUser(identity, () => readdirSync(path));
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
}

function isRootNow(): boolean {
  return process.geteuid?.() === 0;
}

function maybeControl(parents: readonly string[], prefix: string, identity: Identity | null): string | null {
  const parent = parents.find((each) => existsSync(each) && !canOthersMove(join(each, prefix), identity));
  return parent === undefined ? null : mkdtempSync(join(parent, `${prefix}${process.pid}-`));
}

/** Whether the user, or another one, can put something in the place of what this process has at `path`. */
function canOthersMove(path: string, identity: Identity | null): boolean {
  if (!isRootNow()) return false;
  const groups = identity === null ? [] : groupsOf(identity);
  return !["root", "sticky"].includes(keeperOf(path, groups));
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false; // no Linux, or a container without it
  }
}

/** None when it is gone, or may not be read. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
