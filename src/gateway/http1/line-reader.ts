/**
 * Cuts a stream of bytes into lines for a reader that understands them, and keeps the line that is not
 * complete yet.
 *
 * Rules: a line is judged only when its LF has arrived, except for limits, which fire as soon as they are
 * certain; so a reader gives the same result however the bytes were cut. Complete lines are read where they
 * lie, without a copy; each byte is copied a bounded number of times. What is kept never exceeds the consumer's
 * limit for one line by more than one read.
 *
 * Runs in: gateway.
 */
import { CR, indexOfLineFeed } from "./grammar.ts";
import { KeptBytes } from "./kept-bytes.ts";

export interface LineConsumer {
  /** Whether it has read the last line it wants. */
  readonly complete: boolean;

  /**
   * Reads the complete lines in `bytes[offset, end)`, up to the last one it wants. Returns where the first line
   * it did not read starts. Throws ProtocolError.
   */
  takeLines(bytes: Buffer, offset: number, end: number): number;

  /**
   * Told of a line whose LF has not arrived: its first byte, how many bytes of it have, and how many of them
   * are certain not to be the line's end. Throws ProtocolError when a limit is already exceeded.
   */
  checkIncompleteLine(first: number, length: number, contentLength: number): void;
}

export class LineReader {
  readonly #consumer: LineConsumer;
  readonly #kept = new KeptBytes();

  constructor(consumer: LineConsumer) {
    this.#consumer = consumer;
  }

  /** Bytes of memory that an unfinished line takes. */
  get heldBytes(): number {
    return this.#kept.capacity;
  }

  /** Returns the offset just past the last line the consumer wants, or -1 when it needs more bytes. */
  read(bytes: Buffer, offset: number, end: number): number {
    let next = offset;
    if (this.#kept.length > 0) {
      next = this.#completeKeptLine(bytes, offset, end);
      if (next < 0 || this.#consumer.complete) return next;
    }
    next = this.#consumer.takeLines(bytes, next, end);
    if (this.#consumer.complete) return next;
    if (next < end) this.#keep(bytes, next, end);
    return -1;
  }

  #completeKeptLine(bytes: Buffer, offset: number, end: number): number {
    const lineFeed = indexOfLineFeed(bytes, offset, end);
    if (lineFeed < 0) {
      if (offset < end) this.#keep(bytes, offset, end);
      return -1;
    }
    this.#kept.append(bytes, offset, lineFeed + 1);
    this.#consumer.takeLines(this.#kept.buffer, 0, this.#kept.length);
    this.#kept.empty();
    return lineFeed + 1;
  }

  /** Checks before it copies: a limit bounds the memory, not only the outcome. */
  #keep(bytes: Buffer, from: number, end: number): void {
    const first = (this.#kept.length > 0 ? this.#kept.buffer[0] : bytes[from]) as number;
    const length = this.#kept.length + (end - from);
    const contentLength = bytes[end - 1] === CR ? length - 1 : length;
    this.#consumer.checkIncompleteLine(first, length, contentLength);
    this.#kept.append(bytes, from, end);
  }
}
