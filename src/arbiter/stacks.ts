/**
 * The stacks that workers write into their file of the run directory (python/tunicorn/request_timeout.py), to be put into
 * the error log as one block.
 *
 * The directory is the workers', so the application may have put anything there: the file is opened as their user, and only a
 * regular file is read, so much of it that it cannot fill the log. It is emptied through the same descriptor.
 *
 * Runs in: arbiter.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "../as-user.ts";
import type { Identity } from "../identity.ts";
import { stacksFile } from "../queue/layout.ts";

const FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Stacks of some hundred threads. */
const MAX_BYTES = 1024 * 1024;

export interface StacksPlace {
  readonly runDirectory: string;
  /** Whose the directory is; null: who runs the arbiter. */
  readonly identity: Identity | null;
}

/** What the worker has written since the last call; "" for nothing. Throws Error when it is no file to read. */
export function takeStacks({ runDirectory, identity }: StacksPlace, age: number): string {
  const path = join(runDirectory, stacksFile(age));
  try {
    return asUser(identity, () => take(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return ""; // it has not come so far as to make the file
    throw code === "ELOOP" ? new Error(`'${path}' is a link`) : error;
  }
}

function take(path: string): string {
  const fd = openSync(path, FLAGS);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`'${path}' is not a regular file`);
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, MAX_BYTES));
    const text = bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0)).trimEnd();
    if (text !== "") ftruncateSync(fd); // it appends, so this takes away only what was written
    return text;
  } finally {
    closeSync(fd);
  }
}

export function removeStacks({ runDirectory, identity }: StacksPlace, age: number): void {
  asUser(identity, () => rmSync(join(runDirectory, stacksFile(age)), { force: true }));
}
