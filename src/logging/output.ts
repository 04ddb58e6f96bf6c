/**
 * An open file that log lines go to, and how it can be written without waiting for whoever reads it.
 *
 * stdout and stderr are one open file description for all processes of the instance, the application included. Its flags
 * belong to nobody: where one process sets O_NONBLOCK, `print` fails in another (docs/decisions/0017-writing-logs.md). Node
 * sets it as soon as process.stdout or process.stderr is touched, so no serving process does that.
 *
 * Runs in: arbiter, gateway.
 */
import { constants, fstatSync, openSync, type Stats } from "node:fs";
import { isatty } from "node:tty";
import type { Identity } from "../identity.ts";
import { openLogFile } from "./open-log-file.ts";

const { O_WRONLY, O_APPEND, O_NOCTTY, O_NONBLOCK } = constants;

/**
 *   own     a pipe or a terminal, by a non-blocking description of our own: a write returns at once, perhaps with EAGAIN
 *   file    a regular file, or a device that is no terminal: a write waits for the disk at most
 *   shared  a socket, or what the system does not let us open again: a write may wait for ever, so a thread makes it
 */
export interface Output {
  readonly fd: number;
  readonly kind: "own" | "file" | "shared";
}

export const STDOUT = 1;
export const STDERR = 2;

export type StandardFd = typeof STDOUT | typeof STDERR;

const standard = new Map<StandardFd, Output>();

/** Opened once in a process. */
export function standardOutput(fd: StandardFd): Output {
  const known = standard.get(fd);
  if (known !== undefined) return known;
  const output = openedAgain(fd);
  standard.set(fd, output);
  return output;
}

/** Before a process becomes another user, who may have no right to do it. */
export function openStandardOutputs(): void {
  for (const fd of [STDOUT, STDERR] as const) standardOutput(fd);
}

/** A log file. `identity`: who else writes it. Throws Error, most likely the system's. */
export function openOutput(path: string, identity: Identity | null): Output {
  const fd = openLogFile(path, identity);
  if (fd === STDOUT || fd === STDERR) return standardOutput(fd);
  return { fd, kind: hasReader(fstatSync(fd), fd) ? "own" : "file" };
}

function openedAgain(fd: StandardFd): Output {
  const stats = fstatSync(fd);
  // A regular file keeps its description: the offset is in it, and another one would overwrite what workers print.
  if (stats.isSocket()) return { fd, kind: "shared" };
  if (!hasReader(stats, fd)) return { fd, kind: "file" };
  try {
    const path = `/proc/self/fd/${fd}`;
    return { fd: openSync(path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK), kind: "own" };
  } catch {
    // It is another user's, or there is no /proc.
    return { fd, kind: "shared" };
  }
}

function hasReader(stats: Stats, fd: number): boolean {
  return stats.isFIFO() || isatty(fd);
}
