/**
 * A buffered, reopenable writer of lines for the access log: the lines of one event-loop turn go out in one write that
 * does not block the loop, in order, and whole. A pipe may have other writers, and takes only little at a time in one piece: it
 * gets as many whole lines as that is.
 *
 * Runs in: gateway.
 */
import { fstatSync, write } from "node:fs";
import { closeLogFile, openLogFile } from "./open-log-file.ts";

const STDOUT = 1;
/** Pause before a pipe that is full is tried again, ms. */
const RETRY_MS = 10;
/** PIPE_BUF of Linux: as much is written to a pipe whole, whoever else writes (pipe(7)). */
const PIPE_BYTES = 4096;
const LINE_FEED = 10;

export class LineWriter {
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  #fd: number;
  #isPipe: boolean;
  #lines = "";
  #scheduled = false;
  #writing = false;
  #reopenWanted = false;
  #onEnded: (() => void) | null = null;

  /** `-` is stdout. Throws the system's error when the file cannot be opened. */
  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
    this.#fd = this.#open();
    this.#isPipe = fstatSync(this.#fd).isFIFO();
  }

  /** The line ends without a newline. */
  write(line: string): void {
    if (this.#onEnded !== null) return;
    this.#lines += `${line}\n`;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** After log rotation; lines that are being written still go to the old file, whole. */
  reopen(): void {
    if (this.#fd === STDOUT) return;
    if (this.#writing) {
      this.#reopenWanted = true;
      return;
    }
    this.#reopenWanted = false;
    try {
      const opened = this.#open();
      closeLogFile(this.#fd);
      this.#fd = opened;
      this.#isPipe = fstatSync(opened).isFIFO();
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  /** Before the process ends: calls back when every line is out, or cannot be. Later lines are dropped. */
  end(onEnded: () => void): void {
    this.#onEnded = onEnded;
    this.#flush();
  }

  #flush(): void {
    if (this.#writing) return;
    if (this.#lines === "") {
      this.#onEnded?.();
      return;
    }
    const bytes = Buffer.from(this.#lines);
    this.#lines = "";
    this.#writing = true;
    this.#write(bytes, 0);
  }

  #write(bytes: Buffer, from: number): void {
    const end = this.#isPipe ? endOfPiece(bytes, from) : bytes.length;
    write(this.#fd, bytes, from, end - from, null, (error, written) => {
      if (error === null && from + written < bytes.length) {
        this.#write(bytes, from + written);
        return;
      }
      // Whoever shares the pipe may have made it non-blocking.
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#write(bytes, from), RETRY_MS);
        return;
      }
      this.#writing = false;
      if (error !== null) this.#onError(error);
      if (this.#reopenWanted) this.reopen();
      this.#flush();
    });
  }

  #open(): number {
    return this.#path === "-" ? STDOUT : openLogFile(this.#path);
  }
}

/** Past the last whole line that fits; a longer line is a piece of its own. */
function endOfPiece(bytes: Buffer, from: number): number {
  if (bytes.length - from <= PIPE_BYTES) return bytes.length;
  const last = bytes.lastIndexOf(LINE_FEED, from + PIPE_BYTES - 1);
  return last >= from ? last + 1 : bytes.indexOf(LINE_FEED, from) + 1;
}
