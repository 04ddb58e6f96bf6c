/**
 * A line of the error log, as Gunicorn spells it.
 *
 * Runs in: arbiter, gateway.
 */
import { logDate } from "./log-date.ts";
import { painted } from "./terminal.ts";

export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** On a terminal only; the same in python/tunicorn/log.py. */
const COLOURS = {
  debug: "gray",
  info: "green",
  warning: "yellow",
  error: "red",
  critical: "magenta",
} as const;

export function errorLine(level: LogLevel, message: string, date: Date, isColoured: boolean): string {
  const capitals = level.toUpperCase();
  const word = isColoured ? painted(COLOURS[level], capitals) : capitals;
  return `${logDate(date)} [${process.pid}] [${word}] ${message}\n`;
}

/** `log`: "error log". */
export function lossOf(lines: number, log: string, reason: string): string {
  return `Dropped ${lines} ${log} line${lines === 1 ? "" : "s"}: ${reason}`;
}
