/**
 * Reads a section that ends with an empty line, the head of a request or the trailers of a chunked body, from bytes that
 * come in pieces.
 *
 * Rules: a section that lies in one read is read where it lies, once. Of one that does not, only the bytes are kept, in
 * one buffer: fields read so far would be objects that take many times the memory of a short line, for as long as the
 * client likes. So the lines are judged as they arrive, and the consumer forgets what it made of them; when the last one
 * is there, all of them are read again at once. A line is judged only when its LF has arrived, except for limits, which
 * fire as soon as they are certain; so the result does not depend on how the bytes were cut. Each byte is looked at a
 * bounded number of times.
 *
 * Runs in: gateway.
 */
import { CR, indexOfLineFeed } from "./grammar.ts";
import { KeptBytes } from "./kept-bytes.ts";
import type { LineConsumer } from "./line-reader.ts";
import { sectionTooLarge } from "./protocol-error.ts";

export interface SectionConsumer extends LineConsumer {
  /** Forgets what it has read, not what it must know to judge the next line. That one will be `shift` further to the left. */
  forget(shift: number): void;

  /** Makes ready for the first line. */
  reset(): void;
}

export class SectionReader {
  readonly #consumer: SectionConsumer;
  readonly #limit: number;
  readonly #kept = new KeptBytes();
  /** Where in the kept bytes the line starts whose end has not come. */
  #lineStart = 0;

  /** A section of more than `limit` bytes is refused. */
  constructor(consumer: SectionConsumer, limit: number) {
    this.#consumer = consumer;
    this.#limit = limit;
  }

  /** Bytes of memory that an unfinished section takes. */
  get heldBytes(): number {
    return this.#kept.capacity;
  }

  /** Returns the offset just past the section, or -1 when it needs more bytes. Throws ProtocolError. */
  read(bytes: Buffer, offset: number, end: number): number {
    if (this.#kept.length > 0) return this.#readOn(bytes, offset, end);
    const stop = Math.min(end, offset + this.#limit);
    const next = this.#consumer.takeLines(bytes, offset, stop);
    if (this.#consumer.complete) return next;
    if (offset === end) return -1;
    if (next < stop) this.#checkIncompleteLine(bytes[next] as number, stop - next, bytes[stop - 1] as number);
    if (stop < end) throw sectionTooLarge();
    this.#kept.append(bytes, offset, end);
    this.#lineStart = next - offset;
    this.#consumer.forget(offset);
    return -1;
  }

  /** Forgets the kept bytes and their room: a connection that waits for its next request holds nothing. */
  reset(): void {
    this.#kept.clear();
    this.#lineStart = 0;
    this.#consumer.reset();
  }

  #readOn(bytes: Buffer, offset: number, end: number): number {
    const kept = this.#kept;
    const before = kept.length;
    const stop = Math.min(end, offset + this.#limit - before);
    const hasLineEnd = indexOfLineFeed(bytes, offset, stop) >= 0;
    if (!hasLineEnd) {
      // Checks before it copies: a limit bounds the memory, not only the outcome.
      if (offset < stop) this.#checkKeptLine(bytes, offset, stop);
      if (stop < end) throw sectionTooLarge();
      kept.append(bytes, offset, stop);
      return -1;
    }
    kept.append(bytes, offset, stop);
    const next = this.#consumer.takeLines(kept.buffer, this.#lineStart, kept.length);
    if (this.#consumer.complete) return offset + this.#readAgain(next) - before;
    this.#lineStart = next;
    if (next < kept.length) this.#checkKeptLine(bytes, stop, stop);
    if (stop < end) throw sectionTooLarge();
    this.#consumer.forget(0);
    return -1;
  }

  /** All of the section, now that it is complete. Returns its length. */
  #readAgain(length: number): number {
    this.#consumer.reset();
    this.#consumer.takeLines(this.#kept.buffer, 0, length);
    this.#kept.clear();
    this.#lineStart = 0;
    return length;
  }

  /** The kept line without an end, with `bytes[offset, stop)` behind it. */
  #checkKeptLine(bytes: Buffer, offset: number, stop: number): void {
    const { buffer, length } = this.#kept;
    const first = (this.#lineStart < length ? buffer[this.#lineStart] : bytes[offset]) as number;
    const last = (offset < stop ? bytes[stop - 1] : buffer[length - 1]) as number;
    this.#checkIncompleteLine(first, length - this.#lineStart + stop - offset, last);
  }

  #checkIncompleteLine(first: number, length: number, last: number): void {
    this.#consumer.checkIncompleteLine(first, length, last === CR ? length - 1 : length);
  }
}
