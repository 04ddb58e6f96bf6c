/**
 * The way to the log process (python/tunicorn/log_process.py), for the lines that Python's logging emits: one JSON object a
 * line over a Unix stream socket.
 *
 * Rules: lines keep their order. They wait while there is no log process yet, or none for a moment; what can never be
 * delivered is handed back. A log process that is slower than its senders loses lines, and they are counted.
 *
 * Runs in: arbiter, gateway.
 */
import { connect, type Socket } from "node:net";
import { asUser } from "../as-user.ts";
import type { Identity } from "../identity.ts";
import { lossOf } from "./error-line.ts";

export type LogRecord =
  | {
      readonly type: "error";
      readonly level: string;
      readonly message: string;
      readonly pid: number;
      /** Seconds since 1970. */
      readonly time: number;
    }
  | { readonly type: "reopen"; readonly pid: number; readonly time: number }
  | AccessLogRecord;

/** All that is known of an answered request; Python makes the atoms. */
export interface AccessLogRecord {
  readonly type: "access";
  readonly environ: Readonly<Record<string, string>>;
  readonly request_fields: readonly (readonly [name: string, value: string])[];
  readonly response_fields: readonly (readonly [name: string, value: string])[];
  readonly status: number;
  readonly bytes: number;
  readonly duration_us: number;
  /** Of the worker. */
  readonly pid: number;
  readonly time: number;
}

/** What may wait for a log process, bytes. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const RETRY_MS = 50;
/** So often a log process that has gone is looked for, before lines take the other way. */
const TRIES = 20;
/** How long the log process may take for the last lines, ms. */
const END_MS = 2000;

export class LogChannel {
  readonly #identity: Identity | null;
  readonly #onUndelivered: (records: readonly LogRecord[], dropped: number) => void;
  #path: string | null = null;
  #socket: Socket | null = null;
  #isConnected = false;
  #waiting: { readonly record: LogRecord; readonly bytes: number }[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #tries = 0;
  #onEnded: (() => void) | null = null;

  /**
   * `identity`: whose directory the log process's socket lies in; null: who runs this process. `onUndelivered`: there is no log
   * process, and will not be one: these go another way.
   */
  constructor(
    identity: Identity | null,
    onUndelivered: (records: readonly LogRecord[], dropped: number) => void,
  ) {
    this.#identity = identity;
    this.#onUndelivered = onUndelivered;
  }

  /** There is a log process now, or another one; what was sent to the one before still arrives there. */
  connectTo(path: string): void {
    this.#path = path;
    this.#tries = 0;
    const old = this.#socket;
    this.#socket = null;
    this.#isConnected = false;
    old?.end();
    this.#connect();
  }

  send(record: LogRecord): void {
    const line = `${JSON.stringify(record)}\n`;
    if (this.#isConnected && this.#socket !== null && this.#socket.writableLength < MAX_WAITING_BYTES) {
      this.#tellDropped();
      this.#socket.write(line);
    } else if (!this.#isConnected && this.#waitingBytes + line.length < MAX_WAITING_BYTES) {
      this.#waiting.push({ record, bytes: line.length });
      this.#waitingBytes += line.length;
      if (this.#tries >= TRIES) this.giveUp();
    } else {
      this.#dropped++;
    }
  }

  /** Hands back what waits, at once. */
  giveUp(): void {
    const records = this.#waiting.map(({ record }) => record);
    const dropped = this.#dropped;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#dropped = 0;
    if (records.length > 0 || dropped > 0) this.#onUndelivered(records, dropped);
  }

  /** Before the process ends: calls back when the log process has read everything. */
  end(onEnded: () => void): void {
    this.#onEnded = onEnded;
    if (!this.#isConnected || this.#socket === null) {
      this.#finish();
      return;
    }
    this.#socket.end();
    setTimeout(() => this.#finish(), END_MS);
  }

  #finish(): void {
    this.giveUp();
    const onEnded = this.#onEnded;
    this.#onEnded = null;
    onEnded?.();
  }

  #connect(): void {
    const path = this.#path;
    if (path === null) return;
    // The system call is made in here (uv_pipe_connect). As root it would go wherever the user puts a link to.
    const socket = asUser(this.#identity, () => connect(path));
    this.#socket = socket;
    socket.on("connect", () => {
      if (this.#socket !== socket) return;
      this.#isConnected = true;
      this.#tries = 0;
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      for (const { record } of waiting) this.send(record);
    });
    // It never says anything, but its end must be noticed.
    socket.resume();
    // "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#onClosed(socket));
    // Its lines are not what keeps the process running.
    socket.unref();
  }

  #onClosed(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#isConnected = false;
    if (this.#onEnded !== null) this.#finish();
    else if (++this.#tries < TRIES) setTimeout(() => this.#reconnect(), RETRY_MS).unref();
    else this.giveUp();
  }

  #reconnect(): void {
    if (this.#socket === null) this.#connect();
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const message = lossOf(this.#dropped, "log", "the log process does not keep up");
    this.#dropped = 0;
    const time = Date.now() / 1e3;
    this.#socket?.write(
      `${JSON.stringify({ type: "error", level: "error", message, pid: process.pid, time })}\n`,
    );
  }
}
