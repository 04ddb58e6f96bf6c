/**
 * Which parts of an arena are in use. The arena is cut into segments; records are laid one behind the other in the
 * current segment, so that those of one event-loop turn are written together, and a segment is free again when its last
 * record is. So a request that takes long holds one segment and not the whole arena, as it would in a ring.
 *
 * A record larger than a segment takes as many neighbours as it needs.
 *
 * The file is sparse, and what was written once keeps its memory. While the tmpfs is full, only such memory can be written again:
 * so after the first write that failed, places that were written before come first.
 *
 * Pure: no I/O.
 *
 * Runs in: gateway.
 */
import { Contradiction } from "../last-resort.ts";

export class Segments {
  readonly segmentBytes: number;
  readonly count: number;
  /** Records in use per segment; for a large record only its first segment counts. */
  readonly #live: Uint32Array;
  /** Segments of a large record beyond its first. */
  readonly #span: Uint32Array;
  readonly #taken: Uint8Array;
  /** Last in, first out: the segments used lately are the warm ones. */
  readonly #free: number[] = [];
  /** Bytes from the beginning of each segment that have been written once. */
  readonly #backed: Uint32Array;
  /** A write has failed for lack of memory. */
  #isShort = false;
  #current = -1;
  #position = 0;

  constructor(count: number, segmentBytes: number) {
    this.count = count;
    this.segmentBytes = segmentBytes;
    this.#live = new Uint32Array(count);
    this.#span = new Uint32Array(count);
    this.#taken = new Uint8Array(count);
    this.#backed = new Uint32Array(count);
    for (let segment = count - 1; segment >= 0; segment--) this.#free.push(segment);
  }

  /** Offset in bytes for a record, or -1 when nothing is free now. Records start at multiples of 8. */
  allocate(bytes: number): number {
    const size = (bytes + 7) & ~7;
    if (size > this.segmentBytes) return this.#allocateLarge(size);
    if (this.#isShort) this.#preferBacked(size);
    if (this.#current < 0 || this.#position + size > this.segmentBytes) {
      if (!this.#nextSegment()) return -1;
    }
    const offset = this.#current * this.segmentBytes + this.#position;
    this.#position += size;
    this.#live[this.#current] = this.#liveOf(this.#current) + 1;
    return offset;
  }

  /** So many bytes from `offset` on are in the file. */
  noteWritten(offset: number, length: number): void {
    const end = offset + length;
    for (let segment = Math.floor(offset / this.segmentBytes); segment * this.segmentBytes < end; segment++) {
      const backed = Math.min(end - segment * this.segmentBytes, this.segmentBytes);
      if (backed > (this.#backed[segment] as number)) this.#backed[segment] = backed;
    }
  }

  /** A write has failed: there may be no memory but that which was written before. */
  noteShortage(): void {
    this.#isShort = true;
  }

  /** Where the current segment would need more memory, one that has it takes its place. */
  #preferBacked(size: number): void {
    const isBacked = (segment: number, bytes: number): boolean => bytes <= (this.#backed[segment] as number);
    if (this.#current >= 0 && isBacked(this.#current, this.#position + size)) return;
    const index = this.#free.findLastIndex((segment) => isBacked(segment, size));
    if (index < 0) return;
    const [segment] = this.#free.splice(index, 1) as [number];
    if (this.#current >= 0 && this.#liveOf(this.#current) === 0) this.#leaveCurrent();
    this.#begin(segment);
  }

  /** Whether a record of this size could ever fit. */
  fits(bytes: number): boolean {
    return bytes <= this.count * this.segmentBytes;
  }

  release(offset: number): void {
    const segment = Math.floor(offset / this.segmentBytes);
    const live = this.#liveOf(segment) - 1;
    // Its place may be another record's by now, and a worker would read that one.
    if (!(live >= 0)) throw new Contradiction(`record at ${offset} was released twice`);
    this.#live[segment] = live;
    if (live > 0) return;
    if (segment === this.#current) {
      this.#position = 0;
      return;
    }
    this.#giveBack(segment);
  }

  #liveOf(segment: number): number {
    return this.#live[segment] as number;
  }

  #nextSegment(): boolean {
    const next = this.#free.pop();
    if (next === undefined) return false;
    this.#begin(next);
    return true;
  }

  #begin(segment: number): void {
    this.#taken[segment] = 1;
    this.#current = segment;
    this.#position = 0;
  }

  #allocateLarge(size: number): number {
    if (this.#current >= 0 && this.#liveOf(this.#current) === 0) this.#leaveCurrent();
    const wanted = Math.ceil(size / this.segmentBytes);
    let run = 0;
    for (let segment = 0; segment < this.count; segment++) {
      run = this.#taken[segment] === 0 ? run + 1 : 0;
      if (run === wanted) return this.#takeRun(segment - wanted + 1, wanted);
    }
    return -1;
  }

  #takeRun(first: number, wanted: number): number {
    for (let segment = first; segment < first + wanted; segment++) {
      this.#taken[segment] = 1;
      this.#free.splice(this.#free.indexOf(segment), 1);
    }
    this.#live[first] = 1;
    this.#span[first] = wanted - 1;
    return first * this.segmentBytes;
  }

  /** An empty segment in the middle must not split what is free. */
  #leaveCurrent(): void {
    this.#giveBack(this.#current);
    this.#current = -1;
  }

  #giveBack(first: number): void {
    const last = first + (this.#span[first] as number);
    this.#span[first] = 0;
    for (let segment = last; segment >= first; segment--) {
      this.#taken[segment] = 0;
      this.#free.push(segment);
    }
  }
}
