/**
 * Tells the service manager how the instance fares (sd_notify(3)): READY when workers serve, RELOADING, STOPPING,
 * MAINPID at an upgrade, STATUS, and WATCHDOG while the arbiter's event loop turns.
 *
 * Node has no datagram sockets of the Unix kind, and systemd takes messages of the main process only. So a program that
 * is started with NOTIFY_SOCKET becomes Python for a moment, which connects the socket and becomes this program again: the
 * same process, with the connected socket as one more descriptor. A datagram is then one `write`
 * (docs/decisions/0009-systemd-notify.md).
 *
 * Runs in: arbiter.
 */
import { writeSync } from "node:fs";
import { pythonFile } from "../installation.ts";
import type { ErrorLog } from "../logging/error-log.ts";

const CONNECT = pythonFile("connect_notify.py");
const FD = "TUNICORN_NOTIFY_FD";

const { NOTIFY_SOCKET: socket, [FD]: connected, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
for (const name of [FD, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete process.env[name];

/** Of the connected socket; null without a service manager. */
export const notifyFd = connected ? Number(connected) : null;

/** For an arbiter that gets the socket as descriptor `fd`. */
export function passOn(fd: number): Record<string, string> {
  if (notifyFd === null) return {};
  return {
    [FD]: String(fd),
    ...(WATCHDOG_USEC === undefined ? {} : { WATCHDOG_USEC }),
  };
}

/** Whether `connectWith` has to be called. */
export const needsConnecting = Boolean(socket) && connected === undefined;

/** Starts this program again in the same process, with the socket connected. Returns when that is not possible. */
export function connectWith(python: string): void {
  const watchdog = Object.entries({ WATCHDOG_USEC, WATCHDOG_PID }).filter(([, value]) => value !== undefined);
  const env = { ...process.env, NOTIFY_SOCKET: socket, ...Object.fromEntries(watchdog) };
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(python, [python, "-I", "-S", CONNECT, ...again], env);
}

export class Notifier {
  readonly #fd: number;
  readonly #log: ErrorLog;
  readonly #status: () => string;
  /** A second arbiter says nothing before it is promoted: systemd would not take it. */
  #isMain: boolean;
  #isReady = false;

  /** `status`: one line for `systemctl status`. */
  constructor(fd: number, log: ErrorLog, isMain: boolean, status: () => string) {
    this.#fd = fd;
    this.#log = log;
    this.#isMain = isMain;
    this.#status = status;
    const isForThis = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
    const watchdogMs = Number(WATCHDOG_USEC) / 1e3;
    if (isForThis && watchdogMs > 0) setInterval(() => this.#send("WATCHDOG=1"), watchdogMs / 2).unref();
  }

  onServing(): void {
    this.#isReady = true;
    this.#sayReady();
  }

  onReloading(): void {
    this.#send("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, "STATUS=Reloading");
  }

  onReloaded(): void {
    this.#sayReady();
  }

  onStopping(): void {
    this.#send("STOPPING=1", "STATUS=Stopping");
  }

  /** The arbiter leaves, and another one goes on with the service. */
  handOver(pid: number): void {
    this.#send(`MAINPID=${pid}`);
    this.#isMain = false;
  }

  onPromoted(): void {
    this.#isMain = true;
    this.#send(`MAINPID=${process.pid}`);
    if (this.#isReady) this.#sayReady();
  }

  #sayReady(): void {
    this.#send("READY=1", `STATUS=${this.#status()}`);
  }

  #send(...lines: readonly string[]): void {
    if (!this.#isMain) return;
    try {
      writeSync(this.#fd, lines.join("\n"));
    } catch (error) {
      // The service manager is restarting; the next message may arrive.
      this.#log.debug(`sd_notify: ${(error as Error).message}`);
    }
  }
}
