/**
 * How a worker's end is told: level and text of the log line, Gunicorn's words.
 *
 * Runs in: arbiter.
 */
import { constants } from "node:os";
import type { LogLevel } from "../logging/error-log.ts";

export interface WorkerExit {
  readonly level: LogLevel;
  readonly message: string;
  /** For the line of the request that was in work: "was killed by SIGKILL", "exited with code 1". */
  readonly reason: string;
}

/** `signal` is 0 when the worker exited by itself. `expected`: it was told to leave. */
export function describeExit(pid: number, code: number, signal: number, expected: boolean): WorkerExit {
  if (signal === 0) {
    const reason = `exited with code ${code}`;
    return {
      level: code === 0 || expected ? "debug" : "error",
      message: `Worker (pid:${pid}) ${reason}.`,
      reason,
    };
  }
  const name = signalName(signal);
  const hint = name === "SIGKILL" ? " Perhaps out of memory?" : "";
  return {
    level: exitLevel(name, expected),
    message: `Worker (pid:${pid}) was sent ${name}!${hint}`,
    reason: `was killed by ${name}`,
  };
}

function exitLevel(signal: string, expected: boolean): LogLevel {
  if (expected) return "debug";
  if (signal === "SIGKILL") return "error";
  return signal === "SIGTERM" ? "info" : "warning";
}

function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found === undefined ? `signal ${signal}` : found[0];
}
