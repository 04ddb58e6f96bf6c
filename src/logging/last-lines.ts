/**
 * What becomes of log lines that wait when the process exits, and of the exit when a write never ends.
 *
 * Node's exit waits for the threads of its pool. A thread that writes to a socket which nobody reads never returns, so the
 * exit would wait for ever. The kernel ends threads when a process executes another program: the process becomes one that
 * exits with the same code. A signal to itself would lose the code.
 *
 * Runs in: arbiter, gateway.
 */
import { spawnSync } from "node:child_process";

export interface LastWriter {
  /** A thread that may never return is writing. */
  readonly isInThread: boolean;
  /** Writes what can be written at once. Returns the rest, and where it belongs. */
  writeLast(): { readonly bytes: Buffer; readonly fd: number };
}

/** How long a write that has just begun may take, ms. No callback says any more when it is over. */
const BEGUN_MS = 100;
/** How long a reader may take for the last lines, ms. */
const LIMIT_MS = 500;
/** This very program, even when an upgrade has replaced or removed its file. */
const NODE = "/proc/self/exe";
const COPY = `
  const { readFileSync, writeSync } = require("node:fs");
  let bytes = readFileSync(0);
  while (bytes.length > 0) bytes = bytes.subarray(writeSync(Number(process.argv[1]), bytes));`;

/** Those of this process. */
export const lastWriters = new Set<LastWriter>();

process.on("exit", (code) => {
  const writers = [...lastWriters];
  const isPerhapsStuck = writers.some(({ isInThread }) => isInThread);
  if (isPerhapsStuck) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEGUN_MS);
  for (const writer of writers) {
    const { bytes, fd } = writer.writeLast();
    if (bytes.length > 0) writeByChild(fd, bytes);
  }
  if (isPerhapsStuck) process.execve?.(NODE, ["node", "-e", `process.exit(${code})`], {});
});

/** A child may block, and is killed then. */
function writeByChild(fd: number, bytes: Buffer): void {
  spawnSync(NODE, ["-e", COPY, String(fd)], {
    input: bytes,
    stdio: ["pipe", "inherit", "inherit"],
    env: {},
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
}
