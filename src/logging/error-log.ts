/**
 * The error log: Gunicorn's line format and levels, to stderr (`-`) or a file.
 *
 * Every process opens the file itself in append mode and writes a line with one `write`, so lines of several processes
 * never mix. Each line goes out at once, unless that would make the process wait (line-writer.ts).
 *
 * Runs in: arbiter, gateway.
 */
import type { Identity } from "../identity.ts";
import type { Statsd } from "../metrics/statsd.ts";
import { errorLine, LEVELS, type LogLevel, lossOf } from "./error-line.ts";
import { LineWriter, type LineWriterOptions } from "./line-writer.ts";
import type { LogChannel, LogRecord } from "./log-channel.ts";
import { STDERR } from "./output.ts";
import { printTo, standardWriter } from "./standard-streams.ts";
import { hasColours } from "./terminal.ts";

export type { LogLevel };

/** What may wait for the disk, bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Levels whose lines are counted among the metrics. */
const COUNTED: readonly LogLevel[] = ["warning", "error", "critical"];

export class ErrorLog {
  readonly #statsd: Statsd | null;
  readonly #identity: Identity | null;
  #path: string;
  #threshold: number;
  #channel: LogChannel | null = null;
  #writer: LineWriter;
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
    this.#writer = this.#newWriter(errorlog);
    this.#isColoured = errorlog === "-" && hasColours(STDERR);
  }

  /** What a reload has changed. When the new file cannot be opened, the old one is told so and written on. */
  change(errorlog: string, loglevel: string): void {
    this.#threshold = thresholdOf(loglevel);
    if (errorlog === this.#path) return;
    try {
      const opened = this.#newWriter(errorlog);
      if (this.#path !== "-") this.#writer.end(() => {});
      this.#writer = opened;
      this.#path = errorlog;
      this.#isColoured = errorlog === "-" && hasColours(STDERR);
    } catch (error) {
      this.#onNotReopened(error as Error);
    }
  }

  /** From now on Python's logging emits the lines, and decides which; null: no more. */
  sendTo(channel: LogChannel | null): void {
    this.#channel = channel;
  }

  /** A line that did not reach the log process. */
  writeUndelivered(record: LogRecord & { readonly type: "error" }): void {
    printTo(STDERR, this.#line(record.level as LogLevel, record.message, new Date(record.time * 1e3)));
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
    this.#writer.print(this.#line(level, message, new Date()));
  }

  /** After log rotation. When the new file cannot be opened, the old one is told so and written on. */
  reopen(): void {
    this.#writer.reopen();
  }

  /** Calls back when every line is out, or when nobody has read it for 0.3 s. */
  whenWritten(callback: () => void): void {
    this.#writer.whenWritten(() => standardWriter(STDERR).whenWritten(callback));
  }

  #newWriter(path: string): LineWriter {
    if (path === "-") return standardWriter(STDERR);
    const options: LineWriterOptions = {
      isPrompt: true,
      identity: this.#identity,
      maxBytes: MAX_WAITING_BYTES,
      onLost: (lines, reason) => this.error(lossOf(lines, "error log", reason)),
      onNotReopened: (error) => this.#onNotReopened(error),
    };
    return new LineWriter(path, options);
  }

  #onNotReopened(error: Error): void {
    this.error(`Error log not reopened: ${error.message}`);
  }

  #line(level: LogLevel, message: string, date: Date): string {
    return errorLine(level, message, date, this.#isColoured);
  }
}

/** An unknown level means info, as in Gunicorn. */
function thresholdOf(loglevel: string): number {
  const threshold = LEVELS.indexOf(loglevel.toLowerCase() as LogLevel);
  return threshold < 0 ? LEVELS.indexOf("info") : threshold;
}
