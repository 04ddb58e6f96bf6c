/**
 * Cuts a stream of bytes into lines for a reader that understands them, and keeps the line that is not
 * complete yet.
 *
 * Rules: a line is judged only when its LF has arrived, except for limits, which fire as soon as they are
 * certain; so a reader gives the same result however the bytes were cut. Complete lines are read where they
 * lie, without a copy; each byte is copied a bounded number of times. What is kept never exceeds the consumer's
 * limit for one line by more than one read, and nothing is kept between requests.
 *
 * Runs in: gateway.
 */
import { CR, indexOfLineFeed } from "./grammar.ts";

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

/** Most lines fit; a longer one doubles the room. */
const INITIAL_ROOM = 512;

const NO_ROOM = Buffer.alloc(0);

export class LineReader {
  readonly #consumer: LineConsumer;
  #kept: Buffer = NO_ROOM;
  #keptLength = 0;

  constructor(consumer: LineConsumer) {
    this.#consumer = consumer;
  }

  /** Returns the offset just past the last line the consumer wants, or -1 when it needs more bytes. */
  read(bytes: Buffer, offset: number, end: number): number {
    let next = offset;
    if (this.#keptLength > 0) {
      next = this.#completeKeptLine(bytes, offset, end);
      if (next < 0 || this.#consumer.complete) return next;
    }
    next = this.#consumer.takeLines(bytes, next, end);
    if (this.#consumer.complete) return next;
    if (next < end) this.#keep(bytes, next, end);
    return -1;
  }

  /** Forgets the kept line and its room: a connection that waits for its next request holds nothing. */
  reset(): void {
    this.#keptLength = 0;
    this.#kept = NO_ROOM;
  }

  #completeKeptLine(bytes: Buffer, offset: number, end: number): number {
    const lineFeed = indexOfLineFeed(bytes, offset, end);
    if (lineFeed < 0) {
      if (offset < end) this.#keep(bytes, offset, end);
      return -1;
    }
    this.#append(bytes, offset, lineFeed + 1);
    const length = this.#keptLength;
    this.#keptLength = 0;
    this.#consumer.takeLines(this.#kept, 0, length);
    return lineFeed + 1;
  }

  /** Checks before it copies: a limit bounds the memory, not only the outcome. */
  #keep(bytes: Buffer, from: number, end: number): void {
    const first = (this.#keptLength > 0 ? this.#kept[0] : bytes[from]) as number;
    const length = this.#keptLength + (end - from);
    const contentLength = bytes[end - 1] === CR ? length - 1 : length;
    this.#consumer.checkIncompleteLine(first, length, contentLength);
    this.#append(bytes, from, end);
  }

  #append(bytes: Buffer, from: number, end: number): void {
    const length = this.#keptLength + (end - from);
    if (length > this.#kept.length) {
      // Not from Node's pool: a few kept bytes would hold all of it for as long as the client likes.
      const room = Buffer.allocUnsafeSlow(Math.max(INITIAL_ROOM, 2 * length));
      this.#kept.copy(room, 0, 0, this.#keptLength);
      this.#kept = room;
    }
    bytes.copy(this.#kept, this.#keptLength, from, end);
    this.#keptLength = length;
  }
}
