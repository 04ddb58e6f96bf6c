/**
 * What Node itself would print to stderr while the process serves: its warnings, and the stack of an exception that nobody
 * has caught. Node prints them so that every process's stderr becomes non-blocking (output.ts), or waits for the reader.
 *
 * Runs in: arbiter, gateway.
 */
import type { ErrorLog } from "./error-log.ts";

/** Both become lines of the log. The exit code stays Node's, 1, until last-resort.ts decides what an exception costs. */
export function takeOverNodeMessages(log: ErrorLog): void {
  // Node's own listener is the only one.
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message }) => {
    // Said by Node's developers to those who call the API, which is us.
    if (name !== "ExperimentalWarning") log.warning(`Node: ${name}: ${message}`);
  });
  process.on("uncaughtException", (error: unknown) => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.critical(`Uncaught exception, the process ends: ${stack}`);
    process.exit(1);
  });
}
