/**
 * Opens a log file to append to it, and creates what is missing.
 *
 * Rules: neither opening nor a later write waits for the reader of a FIFO or of a terminal. When the process is root and others write the file too, it becomes theirs, and root does
 * nothing that the user could not do: docs/decisions/0016-root-and-other-users.md. A standard stream that cannot be opened
 * by its name (`/dev/stdout`, when it is a socket or root's) is used as it is.
 *
 * Runs in: arbiter, gateway.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  type Stats,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { asUser, groupsOf, isLesser } from "../as-user.ts";
import type { Identity } from "../identity.ts";
import { placeOf } from "../path-keeper.ts";

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } =
  constants;
/** A FIFO is opened at once, or refused when nobody reads it. */
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
const MODE = 0o644;

const LAST_STANDARD_STREAM = 2;
const STANDARD_STREAM = /^\/(?:dev|proc\/self)\/fd\/([12])$/;
const MAX_LINKS = 8;

const KINDS = [
  ["isSymbolicLink", "link"],
  ["isFIFO", "FIFO"],
  ["isDirectory", "directory"],
  ["isSocket", "socket"],
] as const;

/** Somebody who can change the path has put something there that the user may not write; the message says what. */
export class LogFileRefused extends Error {}

/**
 * Returns the descriptor, which is non-blocking unless it is a standard stream. `identity`: who writes the file besides
 * this process; null: nobody else. Throws LogFileRefused, or the system's error.
 */
export function openLogFile(path: string, identity: Identity | null = null): number {
  try {
    return identity === null ? openSync(path, FLAGS, MODE) : openFor(identity, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const stream = maybeStandardStream(path, code);
    if (stream !== undefined) return stream;
    if (code === "ENXIO") throw new Error(`'${path}' is a FIFO that nobody reads, or a socket`);
    throw error;
  }
}

/** Standard streams stay open. */
export function closeLogFile(fd: number): void {
  if (fd > LAST_STANDARD_STREAM) closeSync(fd);
}

function openFor(identity: Identity, path: string): number {
  if (!isLesser(identity)) return given(openSync(path, FLAGS, MODE), identity);
  const { keeper, directory } = placeOf(path, groupsOf(identity));
  if (keeper === "root") return given(openSync(path, FLAGS, MODE), identity);
  return (keeper === "group" ? maybeNew(directory, path, identity) : undefined) ?? openAs(identity, path);
}

/** A file, or a FIFO, which only its owner may open; never a device. */
function given(fd: number, { uid, gid }: Identity): number {
  const stats = fstatSync(fd);
  const isTheirs = stats.uid === uid && stats.gid === gid;
  if (!isTheirs && (stats.isFile() || stats.isFIFO())) fchownSync(fd, uid, gid);
  return fd;
}

function openAs(identity: Identity, path: string): number {
  try {
    return asUser(identity, () => open(path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The operator's mistake: there is no such directory.
    if (code === "ENOENT") throw error;
    const stream = maybeStandardStream(path, code);
    if (stream !== undefined) return stream;
    const reason = code === undefined ? message : `user ${identity.uid} cannot open it (${code})`;
    throw new LogFileRefused(`'${path}': ${reason}, and its directory is not root's alone`);
  }
}

/** With the user's rights, in a directory where the user, or somebody else, may have put anything. */
function open(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && found.uid !== 0 && !found.isFile()) throw new Error(described(found));
  // A link that root has made is the operator's.
  const fd = openSync(path, found?.isSymbolicLink() === true ? FLAGS : FLAGS | O_NOFOLLOW, MODE);
  const stats = fstatSync(fd);
  if (stats.isFile() || stats.uid === 0) return fd;
  closeSync(fd);
  throw new Error(described(stats));
}

function described(stats: Stats): string {
  const kind = KINDS.find(([test]) => stats[test]())?.[1] ?? "device";
  return `it is a ${kind} of user ${stats.uid}`;
}

/**
 * A file that root creates where the user may not: in a directory of root that a group may write too. Undefined when
 * something is there already, or the directory is not the one that was looked at any more.
 */
function maybeNew(directory: string, path: string, identity: Identity): number | undefined {
  const opened = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const through = `/proc/self/fd/${opened}`;
    if (readlinkSync(through) !== directory) return undefined;
    const fd = openSync(join(through, basename(path)), FLAGS | O_EXCL | O_NOFOLLOW, MODE);
    return given(fd, identity);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return undefined;
  } finally {
    closeSync(opened);
  }
}

/** 1 or 2 when the path, which cannot be opened, leads to that stream of this process, by links that are there for it. */
function maybeStandardStream(path: string, code: string | undefined): number | undefined {
  if (code !== "EACCES" && code !== "ENXIO") return undefined;
  let name = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    const stream = STANDARD_STREAM.exec(name)?.[1];
    if (stream !== undefined) return Number(stream);
    const target = maybeTarget(name);
    if (target === undefined) return undefined;
    name = resolve(dirname(name), target);
  }
  return undefined;
}

function maybeTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // no link
  }
}
