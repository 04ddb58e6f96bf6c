/**
 * Writes the lines of a log to a file, a pipe, a terminal or a socket: in order, whole, and without ever waiting.
 *
 * Rules: what cannot be written now is kept, up to a limit; then lines are dropped, and counted. What the system refuses
 * (a full disk, a reader that is gone) is dropped and counted too, and the next lines are tried. A pipe may have other writers, and takes
 * only little at a time in one piece: it gets as many whole lines as that is.
 *
 * Runs in: arbiter, gateway.
 */
import { write, writeSync } from "node:fs";
import type { Identity } from "../identity.ts";
import { type LastWriter, lastWriters } from "./last-lines.ts";
import { closeLogFile } from "./open-log-file.ts";
import { type Output, openOutput, STDERR, type StandardFd, standardOutput } from "./output.ts";

/** Pause before what takes nothing now is tried again, ms. */
const RETRY_MS = 10;
/** Pause after the system has refused a write, ms: each try costs the lines that were waiting. */
const REFUSED_MS = 100;
/** Refused writes are reported this often at most, ms. */
const REPORT_MS = 1000;
/** How long the last lines may take before the process ends, ms. A gateway has 500 ms for all that it has to do then. */
const END_MS = 300;
/** PIPE_BUF of Linux: as much is written to a pipe whole, whoever else writes (pipe(7)). */
const PIPE_BYTES = 4096;
/** Text that waits is encoded in units of this size: as a string of many parts it takes several times the memory. */
const UNIT_BYTES = 64 * 1024;
const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);

export interface LineWriterOptions {
  /** Each line is written at once; else those of one turn of the event loop in one write at its end. */
  readonly isPrompt: boolean;
  /** What may wait, bytes. */
  readonly maxBytes: number;
  /** Who else writes the file; null or absent: nobody. */
  readonly identity?: Identity | null;
  /** Lines are lost. A prompt writer reports it when it can write again, because the report is a line for itself. */
  onLost(lines: number, reason: string): void;
  /** After log rotation. The old file stays in use. */
  onNotReopened(error: Error): void;
}

export class LineWriter implements LastWriter {
  /** A path, or a descriptor that is open. */
  readonly #target: string | StandardFd;
  readonly #options: LineWriterOptions;
  #output: Output;
  /** Lines that are not encoded yet. */
  #text = "";
  #units: Buffer[] = [];
  /** Of `#units`. */
  #waitingBytes = 0;
  #isFull = false;
  /** What is being written, and how much of it is. */
  #bytes: Buffer = NOTHING;
  #from = 0;
  #isScheduled = false;
  /** A write is under way, or a timer is set for the next. */
  #isBusy = false;
  #isInThread = false;
  #retry: NodeJS.Timeout | null = null;
  /** The last write was refused in the middle of a line. */
  #isTorn = false;
  #isWorking = true;
  #dropped = 0;
  #refused = 0;
  #refusal = "";
  #reportPause: NodeJS.Timeout | null = null;
  #probe: NodeJS.Timeout | null = null;
  #reopenWanted = false;
  #isEnding = false;
  readonly #waiting = new Set<() => void>();

  /** Throws the system's error when the file cannot be opened. */
  constructor(target: string | StandardFd, options: LineWriterOptions) {
    this.#target = target;
    this.#options = options;
    this.#output = this.#open();
    lastWriters.add(this);
  }

  /** The line ends without a newline. */
  write(line: string): void {
    this.print(`${line}\n`);
  }

  print(text: string): void {
    if (this.#isEnding) return;
    if (this.#isFull) {
      this.#dropped++;
      return;
    }
    this.#text += text;
    if (this.#options.isPrompt) {
      this.#flush();
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** After log rotation; lines that are being written still go to the old file, whole. */
  reopen(): void {
    if (typeof this.#target === "number") return;
    if (this.#isBusy && this.#retry === null) {
      this.#reopenWanted = true;
      return;
    }
    this.#reopenWanted = false;
    try {
      const opened = this.#open();
      closeLogFile(this.#output.fd);
      this.#output = opened;
    } catch (error) {
      this.#options.onNotReopened(error as Error);
    }
  }

  /** Calls back when every line is out, or when 0.3 s were not enough for that. */
  whenWritten(callback: () => void): void {
    if (this.#retry !== null) this.#tryAgain(this.#retry);
    else this.#flush();
    if (!this.#isBusy) {
      callback();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      if (this.#waiting.delete(done)) callback();
    };
    const timer = setTimeout(done, END_MS);
    this.#waiting.add(done);
  }

  /** Calls back as `whenWritten` does, and reports what is not written by then. Later lines are dropped. */
  end(onEnded: () => void): void {
    this.#isEnding = true;
    this.whenWritten(() => {
      if (this.#isBusy) {
        this.#reportUnwritten();
      } else {
        // Else the end of the process closes it.
        lastWriters.delete(this);
        if (typeof this.#target === "string") closeLogFile(this.#output.fd);
      }
      onEnded();
    });
  }

  // -- for last-lines.ts: the process ends now --------------------------------------------------------------

  /** A thread that may never return is writing. */
  get isInThread(): boolean {
    return this.#isInThread;
  }

  /** Writes what can be written at once. Returns the rest, and where it belongs. */
  writeLast(): { readonly bytes: Buffer; readonly fd: number } {
    const { fd, kind } = this.#output;
    let bytes = this.#takeRest();
    if (kind === "shared") return { bytes, fd };
    try {
      while (bytes.length > 0) bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      // Nobody is left to be told of it.
      void error;
    }
    return { bytes: NOTHING, fd };
  }

  #takeRest(): Buffer {
    // What a thread has begun is not written twice.
    const from = this.#isInThread ? this.#endOfPiece : this.#from;
    const rest = Buffer.concat([this.#bytes.subarray(from), ...this.#units, Buffer.from(this.#text)]);
    this.#bytes = this.#bytes.subarray(0, from);
    this.#units = [];
    this.#text = "";
    return rest;
  }

  // -- writing ----------------------------------------------------------------------------------------------

  #flush(): void {
    if (!this.#isBusy) this.#writeAll();
    else if (this.#text.length >= UNIT_BYTES) this.#keep();
  }

  #keep(): void {
    const unit = Buffer.from(this.#text);
    this.#text = "";
    this.#units.push(unit);
    this.#waitingBytes += unit.length;
    this.#isFull = this.#waitingBytes >= this.#options.maxBytes;
  }

  #writeAll(): void {
    this.#isBusy = true;
    while (this.#takeNext()) {
      if (this.#needsThread) {
        this.#writeInThread();
        return;
      }
      if (!this.#writeDirectly()) return;
    }
    this.#isBusy = false;
    for (const done of this.#waiting) done();
  }

  /** False when there is nothing to write. */
  #takeNext(): boolean {
    if (this.#from < this.#bytes.length) return true;
    if (this.#reopenWanted) this.#reopenNow();
    this.#reportDropped();
    this.#reportRefused();
    const unit = this.#units.shift();
    this.#waitingBytes -= unit?.length ?? 0;
    this.#isFull = false;
    this.#bytes = unit ?? Buffer.from(this.#text);
    this.#from = 0;
    if (unit === undefined) this.#text = "";
    if (this.#bytes.length === 0) return false;
    if (this.#isTorn) this.#bytes = Buffer.concat([Buffer.of(LINE_FEED), this.#bytes]);
    return true;
  }

  #reopenNow(): void {
    this.#isBusy = false;
    this.reopen();
    this.#isBusy = true;
  }

  get #needsThread(): boolean {
    const { kind } = this.#output;
    return kind === "shared" || (kind === "file" && !this.#options.isPrompt);
  }

  get #endOfPiece(): number {
    return this.#output.kind === "file" ? this.#bytes.length : endOfPiece(this.#bytes, this.#from);
  }

  /** False when the rest has to wait. */
  #writeDirectly(): boolean {
    try {
      const length = this.#endOfPiece - this.#from;
      this.#onProgress(writeSync(this.#output.fd, this.#bytes, this.#from, length));
      return true;
    } catch (error) {
      return this.#onRefused(error as NodeJS.ErrnoException);
    }
  }

  #writeInThread(): void {
    this.#isInThread = true;
    const length = this.#endOfPiece - this.#from;
    write(this.#output.fd, this.#bytes, this.#from, length, null, (error, written) => {
      this.#isInThread = false;
      if (error === null) this.#onProgress(written);
      else if (!this.#onRefused(error)) return;
      this.#writeAll();
    });
  }

  #onProgress(written: number): void {
    this.#from += written;
    this.#isTorn = false;
    this.#isWorking = true;
  }

  /** Whether the next lines can be tried now. */
  #onRefused(error: NodeJS.ErrnoException): boolean {
    // It is full. Whoever shares a socket may have made it non-blocking.
    if (error.code === "EAGAIN") {
      this.#retryIn(RETRY_MS);
      return false;
    }
    if (this.#from > 0) this.#isTorn = this.#bytes[this.#from - 1] !== LINE_FEED;
    this.#isWorking = false;
    this.#refused += countLines(this.#bytes.subarray(this.#from)) || 1;
    this.#refusal = error.message;
    this.#bytes = NOTHING;
    this.#from = 0;
    this.#reportRefused();
    if (this.#options.isPrompt || this.#isEnding) return true;
    this.#retryIn(REFUSED_MS);
    return false;
  }

  #retryIn(ms: number): void {
    const timer = setTimeout(() => this.#tryAgain(timer), ms);
    timer.unref();
    this.#retry = timer;
  }

  #tryAgain(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#retry = null;
    this.#writeAll();
  }

  // -- what is lost -----------------------------------------------------------------------------------------

  /** When there is room again, so that a reader that sleeps for hours costs one line. */
  #reportDropped(): void {
    if (this.#dropped === 0 || !this.#isWorking || this.#waitingBytes > this.#options.maxBytes / 2) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#options.onLost(dropped, `${this.#reader} does not keep up`);
  }

  /** Nobody has read it in time. What a thread has begun may still be written. */
  #reportUnwritten(): void {
    const lines = this.#dropped + countLines(this.#takeRest());
    this.#dropped = 0;
    if (lines > 0) this.#options.onLost(lines, `${this.#reader} does not keep up`);
  }

  #reportRefused(): void {
    if (this.#refused === 0) return;
    if (this.#options.isPrompt && !this.#isWorking) {
      this.#probe ??= this.#later(() => {
        this.#probe = null;
        // The report is the try whether it can write again.
        this.#isWorking = true;
        this.#reportRefused();
      });
      return;
    }
    if (this.#reportPause !== null) return;
    this.#reportPause = this.#later(() => {
      this.#reportPause = null;
      this.#reportRefused();
    });
    const refused = this.#refused;
    this.#refused = 0;
    this.#options.onLost(refused, this.#refusal);
    // It was refused too: it is no line that is missing.
    if (this.#refused > 0) this.#refused = refused;
  }

  #later(report: () => void): NodeJS.Timeout {
    return setTimeout(report, REPORT_MS).unref();
  }

  get #reader(): string {
    if (typeof this.#target === "string") return `'${this.#target}'`;
    return `the reader of ${this.#target === STDERR ? "stderr" : "stdout"}`;
  }

  #open(): Output {
    return typeof this.#target === "number"
      ? standardOutput(this.#target)
      : openOutput(this.#target, this.#options.identity ?? null);
  }
}

/** Past the last whole line that fits; a longer line is a piece of its own. */
function endOfPiece(bytes: Buffer, from: number): number {
  if (bytes.length - from <= PIPE_BYTES) return bytes.length;
  const last = bytes.lastIndexOf(LINE_FEED, from + PIPE_BYTES - 1);
  return last >= from ? last + 1 : bytes.indexOf(LINE_FEED, from) + 1 || bytes.length;
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_FEED) lines++;
  return lines;
}
