/**
 * What becomes of an answered request in the logs: a line of the access log, or a record for the log process, and metrics.
 *
 * Runs in: gateway.
 */
import { compileAccessLogExclude, compileAccessLogFormat } from "../logging/access-log.ts";
import { lossOf } from "../logging/error-line.ts";
import { LineWriter, type LineWriterOptions } from "../logging/line-writer.ts";
import type { LogSettings } from "../logging/log-settings.ts";
import type { Logs } from "../logging/logs.ts";
import { STDOUT } from "../logging/output.ts";
import type { Statsd } from "../metrics/statsd.ts";
import type { HttpExchange } from "./exchange.ts";

/** What may wait for the reader of the access log or for its disk, bytes; with what it takes besides it is less than 16 MB. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class RequestLog {
  readonly #logs: Logs;
  readonly #statsd: Statsd | null;
  #accesslog: string | null = null;
  #writer: LineWriter | null = null;
  #line: ReturnType<typeof compileAccessLogFormat> = () => "";
  #isUnlogged: ReturnType<typeof compileAccessLogExclude> = null;
  #sendsRecords = false;
  #settings: LogSettings;

  /** An access log that cannot be opened is not written until it can be (`reopen`, `change`); a line says so. */
  constructor(settings: LogSettings, logs: Logs, statsd: Statsd | null) {
    this.#logs = logs;
    this.#statsd = statsd;
    this.#settings = settings;
    this.change(settings);
  }

  add(exchange: HttpExchange): void {
    if (this.#statsd !== null) this.#statsd.request(exchange.status, exchange.durationMs, exchange.queuedMs);
    if (this.#writer === null && !this.#sendsRecords) return;
    if (this.#isUnlogged?.(exchange)) return;
    if (this.#writer !== null) this.#writer.write(this.#line(exchange));
    else this.#logs.channel?.send(exchange.accessRecord());
  }

  /** What a reload has changed. A file that cannot be opened leaves the old one in use. */
  change(settings: LogSettings): void {
    this.#settings = settings;
    try {
      this.#set(settings);
    } catch (error) {
      this.#logs.error.error(`Access log not opened: ${(error as Error).message}`);
    }
  }

  reopen(): void {
    if (this.#writer === null) this.change(this.#settings);
    else this.#writer.reopen();
  }

  /** Before the process ends: calls back when the access log is written. */
  end(onEnded: () => void): void {
    if (this.#writer === null) onEnded();
    else this.#writer.end(onEnded);
  }

  #writerOptions(): LineWriterOptions {
    const { error: log } = this.#logs;
    return {
      isPrompt: false,
      maxBytes: MAX_WAITING_BYTES,
      onLost: (lines, reason) => log.error(lossOf(lines, "access log", reason)),
      onNotReopened: (error) => log.error(`Access log not reopened: ${error.message}`),
    };
  }

  #set(settings: LogSettings): void {
    this.#line = compileAccessLogFormat(settings.access_log_format);
    this.#isUnlogged = compileAccessLogExclude(settings.access_log_exclude);
    this.#sendsRecords = settings.log_process && settings.access_records;
    const accesslog = settings.log_process ? null : settings.accesslog;
    if (accesslog !== this.#accesslog) {
      const old = this.#writer;
      this.#writer =
        accesslog === null
          ? null
          : new LineWriter(accesslog === "-" ? STDOUT : accesslog, this.#writerOptions());
      this.#accesslog = accesslog;
      old?.end(() => {});
    }
  }
}
