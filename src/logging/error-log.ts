/**
 * The error log: Gunicorn's line format and levels, to stderr (`-`) or a file.
 *
 * Every process opens the file itself in append mode and writes a line with one `write`, so lines of several processes
 * never mix. It is written synchronously: it is rarely used, and must be out when the process dies.
 *
 * Runs in: arbiter, gateway.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { styleText } from "node:util";
import type { Identity } from "../identity.ts";
import type { Statsd } from "../metrics/statsd.ts";
import type { LogChannel, LogRecord } from "./log-channel.ts";
import { logDate } from "./log-date.ts";
import { closeLogFile, openLogFile } from "./open-log-file.ts";

const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof LEVELS)[number];

const STDERR = 2;

/** Levels whose lines are counted among the metrics. */
const COUNTED: readonly LogLevel[] = ["warning", "error", "critical"];

/** On a terminal only; the same in python/tunicorn/log.py. */
const COLOURS = {
  debug: "gray",
  info: "green",
  warning: "yellow",
  error: "red",
  critical: "magenta",
} as const;

export class ErrorLog {
  readonly #statsd: Statsd | null;
  readonly #identity: Identity | null;
  #path: string;
  #threshold: number;
  #channel: LogChannel | null = null;
  #fd: number;
  #isColoured: boolean;

  /** `identity`: who else writes the file. Throws Error, most likely the system's, when it cannot be opened. */
  constructor(
    errorlog: string,
    loglevel: string,
    statsd: Statsd | null = null,
    identity: Identity | null = null,
  ) {
    this.#identity = identity;
    this.#path = errorlog;
    this.#threshold = thresholdOf(loglevel);
    this.#statsd = statsd;
    this.#fd = this.#open();
    this.#isColoured = this.#fd === STDERR && isatty(STDERR);
  }

  /** What a reload has changed. When the new file cannot be opened, the old one is told so and written on. */
  change(errorlog: string, loglevel: string): void {
    this.#threshold = thresholdOf(loglevel);
    if (errorlog === this.#path) return;
    const old = this.#path;
    this.#path = errorlog;
    if (!this.#replaceFile()) this.#path = old;
    this.#isColoured = this.#fd === STDERR && isatty(STDERR);
  }

  /** From now on Python's logging emits the lines, and decides which; null: no more. */
  sendTo(channel: LogChannel | null): void {
    this.#channel = channel;
  }

  /** A line that did not reach the log process. */
  writeUndelivered(record: LogRecord & { readonly type: "error" }): void {
    writeWhole(STDERR, this.#line(record.level as LogLevel, record.message, new Date(record.time * 1e3)));
  }

  debug(message: string): void {
    this.write("debug", message);
  }

  info(message: string): void {
    this.write("info", message);
  }

  warning(message: string): void {
    this.write("warning", message);
  }

  error(message: string): void {
    this.write("error", message);
  }

  critical(message: string): void {
    this.write("critical", message);
  }

  write(level: LogLevel, message: string): void {
    if (COUNTED.includes(level)) this.#statsd?.increment(`log.${level}`);
    if (this.#channel !== null) {
      this.#channel.send({ type: "error", level, message, pid: process.pid, time: Date.now() / 1e3 });
      return;
    }
    if (LEVELS.indexOf(level) < this.#threshold) return;
    writeWhole(this.#fd, this.#line(level, message, new Date()));
  }

  /** After log rotation. When the new file cannot be opened, the old one is told so and written on. */
  reopen(): void {
    if (this.#fd !== STDERR) this.#replaceFile();
  }

  #replaceFile(): boolean {
    try {
      const opened = this.#open();
      closeLogFile(this.#fd);
      this.#fd = opened;
      return true;
    } catch (error) {
      this.error(`Error log not reopened: ${(error as Error).message}`);
      return false;
    }
  }

  #line(level: LogLevel, message: string, date: Date): string {
    return `${logDate(date)} [${process.pid}] [${this.#word(level)}] ${message}\n`;
  }

  /** `styleText` obeys NO_COLOR. */
  #word(level: LogLevel): string {
    const word = level.toUpperCase();
    return this.#isColoured ? styleText(COLOURS[level], word, { stream: process.stderr }) : word;
  }

  #open(): number {
    return this.#path === "-" ? STDERR : openLogFile(this.#path, this.#identity);
  }
}

/** An unknown level means info, as in Gunicorn. */
function thresholdOf(loglevel: string): number {
  const threshold = LEVELS.indexOf(loglevel.toLowerCase() as LogLevel);
  return threshold < 0 ? LEVELS.indexOf("info") : threshold;
}

/** A log that cannot be written must not take the server down: a closed pipe or a full disk loses the line only. */
function writeWhole(fd: number, line: string): void {
  const bytes = Buffer.from(line);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
    }
  }
}
