/**
 * Which parts of an arena are in use. The arena is cut into segments; records are laid one behind the other in the
 * current segment, so that those of one event-loop turn are written together, and a segment is free again when its last
 * record is. So a request that takes long holds one segment and not the whole arena, as it would in a ring.
 *
 * A record larger than a segment takes as many neighbours as it needs. Pure: no I/O.
 *
 * Runs in: gateway.
 */

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
  #current = -1;
  #position = 0;

  constructor(count: number, segmentBytes: number) {
    this.count = count;
    this.segmentBytes = segmentBytes;
    this.#live = new Uint32Array(count);
    this.#span = new Uint32Array(count);
    this.#taken = new Uint8Array(count);
    for (let segment = count - 1; segment >= 0; segment--) this.#free.push(segment);
  }

  /** Offset in bytes for a record, or -1 when nothing is free now. Records start at multiples of 8. */
  allocate(bytes: number): number {
    const size = (bytes + 7) & ~7;
    if (size > this.segmentBytes) return this.#allocateLarge(size);
    if (this.#current < 0 || this.#position + size > this.segmentBytes) {
      if (!this.#nextSegment()) return -1;
    }
    const offset = this.#current * this.segmentBytes + this.#position;
    this.#position += size;
    this.#live[this.#current] = this.#liveOf(this.#current) + 1;
    return offset;
  }

  /** Whether a record of this size could ever fit. */
  fits(bytes: number): boolean {
    return bytes <= this.count * this.segmentBytes;
  }

  release(offset: number): void {
    const segment = Math.floor(offset / this.segmentBytes);
    const live = this.#liveOf(segment) - 1;
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
    this.#taken[next] = 1;
    this.#current = next;
    this.#position = 0;
    return true;
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
