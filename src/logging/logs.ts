/**
 * The error log of a process together with its way to the log process, if the settings want one.
 *
 * Runs in: arbiter, gateway.
 */
import type { Identity } from "../identity.ts";
import type { Statsd } from "../metrics/statsd.ts";
import { ErrorLog } from "./error-log.ts";
import { LogChannel } from "./log-channel.ts";
import type { LogSettings } from "./log-settings.ts";

export class Logs {
  readonly error: ErrorLog;
  readonly #identity: Identity | null;
  #channel: LogChannel | null = null;

  /**
   * An error log that cannot be opened is replaced by standard error, and a line says so. `identity`: who else writes it;
   * what the log process listens at is that user's.
   */
  constructor(settings: LogSettings, statsd: Statsd | null, identity: Identity | null = null) {
    this.#identity = identity;
    this.error = openErrorLog(settings, statsd, identity);
    this.#useChannel(settings.log_process);
    // A start that fails has no log process to tell.
    // Before last-lines.ts looks at what waits.
    process.prependListener("exit", () => this.#channel?.giveUp());
  }

  /** Null: lines are written here. */
  get channel(): LogChannel | null {
    return this.#channel;
  }

  /** The settings of a new generation. `path`: where its log process listens. */
  change(settings: LogSettings, path: string | null): void {
    this.error.change(settings.errorlog, settings.loglevel);
    this.#useChannel(settings.log_process);
    if (path !== null) this.#channel?.connectTo(path);
  }

  /** Before the process ends: calls back when every line is out, or cannot be. */
  end(onEnded: () => void): void {
    const onDelivered = (): void => this.error.whenWritten(onEnded);
    if (this.#channel === null) onDelivered();
    else this.#channel.end(onDelivered);
  }

  #useChannel(isWanted: boolean): void {
    if (isWanted === (this.#channel !== null)) return;
    // What was sent to it still arrives.
    if (!isWanted) this.#channel?.end(() => {});
    this.#channel = isWanted ? this.#newChannel() : null;
    this.error.sendTo(this.#channel);
  }

  #newChannel(): LogChannel {
    return new LogChannel(this.#identity, (records, dropped) => {
      let lost = dropped;
      for (const record of records) {
        if (record.type === "error") this.error.writeUndelivered(record);
        else if (record.type === "access") lost++;
      }
      if (lost === 0) return;
      const message = `No log process: ${lost} lines of the access log are lost`;
      this.error.writeUndelivered({
        type: "error",
        level: "error",
        message,
        pid: process.pid,
        time: Date.now() / 1e3,
      });
    });
  }
}

function openErrorLog(
  { errorlog, loglevel }: LogSettings,
  statsd: Statsd | null,
  identity: Identity | null,
): ErrorLog {
  try {
    return new ErrorLog(errorlog, loglevel, statsd, identity);
  } catch (error) {
    const log = new ErrorLog("-", loglevel, statsd, identity);
    log.error(`Error log not opened, lines go to standard error: ${(error as Error).message}`);
    return log;
  }
}
