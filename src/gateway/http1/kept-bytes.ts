/**
 * Bytes that must wait for more of them, in one buffer that grows as they arrive.
 *
 * Rules: the buffer is never larger than 1.25 times the bytes that were in it plus 64, however small the pieces were in which they
 * came; a client that sends one byte a packet must not cost an object for each. What is outgrown is freed at once, not at
 * the next garbage collection. Nothing comes from Node's pool: a few kept bytes would hold all of it for as long as the
 * client likes.
 *
 * Runs in: gateway.
 */

const NO_ROOM = Buffer.alloc(0);

/** Growth by a part of the size, so that a byte is copied a bounded number of times. */
const GROWTH = 1.25;
const LEAST_ROOM = 64;
/** What is larger is freed at once when it is no longer needed; less is not worth the call. */
const FREED_BYTES = 4096;

export class KeptBytes {
  #room: Buffer = NO_ROOM;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Bytes of memory. */
  get capacity(): number {
    return this.#room.length;
  }

  /** What is kept, at the buffer's beginning. Valid until the next change. */
  get buffer(): Buffer {
    return this.#room;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#room.length) this.#grow(length);
    this.#room.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Forgets the bytes, not the room: more are about to come. */
  empty(): void {
    this.#length = 0;
  }

  /** Forgets the bytes and their room, whose views are no longer valid. */
  clear(): void {
    // Not at the next collection, which hundreds of refused clients do not bring about.
    if (this.#room.length > FREED_BYTES) (this.#room.buffer as ArrayBuffer).transfer(0);
    this.#forget();
  }

  #forget(): void {
    this.#length = 0;
    this.#room = NO_ROOM;
  }

  /** The bytes, which are no longer kept here. */
  take(): Buffer {
    const taken = this.#room.subarray(0, this.#length);
    this.#forget();
    return taken;
  }

  #grow(length: number): void {
    if (this.#room === NO_ROOM) {
      this.#room = Buffer.allocUnsafeSlow(Math.max(length, LEAST_ROOM));
      return;
    }
    const capacity = Math.max(length, Math.floor(this.#room.length * GROWTH));
    // The cast is earned: the room is no shared memory.
    this.#room = Buffer.from((this.#room.buffer as ArrayBuffer).transfer(capacity));
  }
}
