/**
 * The instance's private directory: FIFO, arenas, scoreboard, reply sockets on tmpfs, and beside it the spool directory
 * for large bodies on disk. Mode 0700, one per instance, removed at the end.
 *
 * What an instance that was killed has left is removed by the next start: the name says whose it was. The pid
 * namespace is part of it, because containers may share /dev/shm but not pids.
 *
 * Runs in: arbiter.
 */
import { accessSync, constants, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCOREBOARD_FILE } from "../queue/layout.ts";
import { createScoreboard } from "../queue/scoreboard.ts";

const SHARED_MEMORY = "/dev/shm";

export class RunDirectory {
  readonly path: string;
  readonly spool: string;

  /** Throws the system's error when neither directory can be made. */
  constructor(scoreboardSlots: number) {
    const shared = isWritable(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir();
    const prefix = `tunicorn-${process.getuid?.() ?? 0}-${pidNamespace()}-`;
    for (const parent of new Set([shared, tmpdir()])) removeStale(parent, prefix);
    this.path = mkdtempSync(join(shared, `${prefix}${process.pid}-`));
    this.spool = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
    createScoreboard(join(this.path, SCOREBOARD_FILE), scoreboardSlots);
  }

  remove(): void {
    for (const path of [this.path, this.spool]) rmSync(path, { recursive: true, force: true });
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

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "0"; // no Linux, no namespaces
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
