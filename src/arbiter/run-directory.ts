/**
 * The instance's private directory: FIFO, arenas, scoreboard, reply sockets on tmpfs, and beside it the spool directory
 * for large bodies and waiting responses on disk (`tmp_upload_dir`). Mode 0700, one per instance, removed at the end.
 *
 * What an instance that was killed has left is removed by the next start: the name says whose it was. The pid
 * namespace is part of it, because containers may share /dev/shm but not pids.
 *
 * Runs in: arbiter.
 */
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { giveTo, type Identity } from "../identity.ts";
import { pidNamespace } from "../pid-namespace.ts";
import { arenaFile, repliesFile, SCOREBOARD_FILE } from "../queue/layout.ts";
import { createScoreboard } from "../queue/scoreboard.ts";

const SHARED_MEMORY = "/dev/shm";

export interface Place {
  /** Whose it becomes, with all that is in it; null: who runs the arbiter. */
  readonly identity?: Identity | null;
  /** Instead of shared memory. */
  readonly worker_tmp_dir?: string | null;
  /** Instead of the directory for temporary files. */
  readonly tmp_upload_dir?: string | null;
}

export class RunDirectory {
  readonly path: string;
  readonly spool: string;
  /** What only the arbiter's own user may come near: the control socket. */
  readonly control: string;
  readonly identity: Identity | null;

  /** Throws Error when one cannot be made; then there is none. */
  constructor(scoreboardSlots: number, { identity = null, worker_tmp_dir, tmp_upload_dir }: Place = {}) {
    const shared = worker_tmp_dir ?? (isWritable(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
    const prefix = `tunicorn-${process.getuid?.() ?? 0}-${pidNamespace()}-`;
    if (!existsSync(shared)) throw new Error(`${shared} doesn't exist. Can't create workertmp.`);
    for (const parent of new Set([shared, tmpdir()].filter(existsSync))) removeStale(parent, prefix);
    this.identity = identity;
    this.spool = tmp_upload_dir ? makeSpool(tmp_upload_dir, prefix) : makeIn(tmpdir(), prefix);
    try {
      this.path = makeIn(shared, prefix);
      this.control = makeIn(shared, prefix);
    } catch (error) {
      rmSync(this.spool, { recursive: true });
      throw error;
    }
    const scoreboard = join(this.path, SCOREBOARD_FILE);
    createScoreboard(scoreboard, scoreboardSlots);
    giveTo(identity, this.path, this.spool, scoreboard);
  }

  /** What a gateway that has died may have left: its arena, its socket, the bodies of requests that nobody waits for. */
  removeGateway(age: number): void {
    for (const name of [arenaFile(age), repliesFile(age)]) rmSync(join(this.path, name), { force: true });
    if (!existsSync(this.spool)) return; // whoever clears the directory for temporary files
    for (const name of readdirSync(this.spool)) {
      if (name.startsWith(`${age}-`)) rmSync(join(this.spool, name), { force: true });
    }
  }

  remove(): void {
    for (const path of [this.path, this.control, this.spool]) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function makeIn(parent: string, prefix: string): string {
  return mkdtempSync(join(parent, `${prefix}${process.pid}-`));
}

/** Absolute: applications may change the directory, and it is workers that open the files. */
function makeSpool(tmp_upload_dir: string, prefix: string): string {
  const parent = resolve(tmp_upload_dir);
  try {
    removeStale(parent, prefix);
    return makeIn(parent, prefix);
  } catch (error) {
    const [reason] = (error as Error).message.split(",");
    throw new Error(`tmp_upload_dir '${parent}' isn't writable [${reason}]`);
  }
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false; // no Linux, or a container without it
  }
}

function removeStale(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (pid > 0 && pid !== process.pid && !isAlive(pid)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
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
