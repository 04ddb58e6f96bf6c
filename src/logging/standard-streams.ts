/**
 * What this process prints to stdout and stderr: log lines, the start screen, the output of children in a daemon. One
 * writer for all of it, so that it keeps its order, and no part of it waits for the reader.
 *
 * Runs in: arbiter, gateway.
 */
import { errorLine, lossOf } from "./error-line.ts";
import { LineWriter } from "./line-writer.ts";
import { STDERR, type StandardFd } from "./output.ts";

/** What may wait for a reader, bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;

const writers = new Map<StandardFd, LineWriter>();

export function standardWriter(fd: StandardFd): LineWriter {
  const known = writers.get(fd);
  if (known !== undefined) return known;
  const log = fd === STDERR ? "error log" : "output";
  const writer = new LineWriter(fd, {
    isPrompt: true,
    maxBytes: MAX_WAITING_BYTES,
    onLost: (lines, reason) =>
      printTo(STDERR, errorLine("error", lossOf(lines, log, reason), new Date(), false)),
    onNotReopened: () => {},
  });
  writers.set(fd, writer);
  return writer;
}

export function printTo(fd: StandardFd, text: string): void {
  standardWriter(fd).print(text);
}
