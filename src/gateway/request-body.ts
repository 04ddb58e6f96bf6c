/**
 * Collects one request's body before a worker is asked for: in memory while it is small, in the arena up to some MB,
 * and else in a spool file.
 *
 * Rules: in memory a body takes at most 1.25 times what has arrived of it, however small the pieces were.
 *
 * Runs in: gateway.
 */
import type { BodyPlace } from "../queue/body-place.ts";
import { BODY_INLINE, BODY_NONE, BODY_SPOOLED, BODY_STORED } from "../queue/layout.ts";
import { KeptBytes } from "./http1/kept-bytes.ts";
import { SpoolFile } from "./spool-file.ts";

/** Larger bodies are not part of the record. With its head, such a body fits one segment of the arena. */
export const INLINE_BODY_BYTES = 32 * 1024;

/** Where bodies go that are not small. */
export interface BodyStorage {
  /** Null when the arena has no room to spare. */
  maybeReserve(bytes: number): BodyPlace | null;
  spoolPath(): string;
  /** Once a body, the system's error. */
  onSpoolError(error: Error): void;
  /** A spool file stays until the spool directory is removed; the system's error. */
  onNotDeleted(error: Error): void;
}

export class RequestBody {
  length = 0;
  readonly #storage: BodyStorage;
  readonly #expectedBytes: number;
  /** A body that came as a whole. */
  #whole: Buffer | null = null;
  /** One that comes in pieces. */
  #kept: KeptBytes | null = null;
  #place: BodyPlace | null = null;
  #spool: SpoolFile | null = null;

  /** `expectedBytes`: the Content-Length; 0 when it is not known. */
  constructor(storage: BodyStorage, expectedBytes: number) {
    this.#storage = storage;
    this.#expectedBytes = expectedBytes;
  }

  /** Takes a copy of the bytes. Returns false when the client should wait for `onDrained`. */
  append(bytes: Uint8Array, onDrained: () => void): boolean {
    this.length += bytes.length;
    if (this.#spool !== null) return this.#spool.write(bytes, onDrained);
    if (this.#place === null && this.length <= INLINE_BODY_BYTES) {
      this.#keep(bytes);
      return true;
    }
    return this.#isStored(bytes) || this.#beginSpool().write(bytes, onDrained);
  }

  /** `onComplete` is called when the body can be handed to a worker; at once when it is in memory. */
  end(onComplete: () => void): void {
    if (this.#spool === null) onComplete();
    else this.#spool.end(onComplete);
  }

  get kind(): number {
    if (this.#spool !== null) return BODY_SPOOLED;
    if (this.#place !== null) return BODY_STORED;
    return this.length === 0 ? BODY_NONE : BODY_INLINE;
  }

  /** What stands in the record: the body, or where it is. */
  get record(): readonly Uint8Array[] {
    if (this.#spool !== null) return [Buffer.from(this.#spool.path)];
    if (this.#place !== null) return [this.#place.pointer];
    const memory = this.#inMemory;
    return memory === null ? [] : [memory];
  }

  /** Bytes of memory that it takes. */
  get heldBytes(): number {
    return (this.#whole?.length ?? 0) + (this.#kept?.capacity ?? 0) + (this.#spool?.heldBytes ?? 0);
  }

  get place(): BodyPlace | null {
    return this.#place;
  }

  /** The body is not needed any more. What is in the arena stays for as long as its record. */
  discard(): void {
    this.#forget();
    if (this.#place?.isQueued === false) this.#place.release();
    this.#spool?.discard();
  }

  #keep(bytes: Uint8Array): void {
    if (this.length === this.#expectedBytes && this.#kept === null) {
      // The usual case; it is about to be handed over, so that a place in Node's pool does no harm.
      this.#whole = Buffer.from(bytes);
      return;
    }
    this.#kept ??= new KeptBytes();
    this.#kept.append(bytes, 0, bytes.length);
  }

  get #inMemory(): Buffer | null {
    return this.#whole ?? this.#kept?.buffer.subarray(0, this.#kept.length) ?? null;
  }

  #forget(): void {
    this.#whole = null;
    this.#kept = null;
  }

  /** Whether the bytes are in the arena now. */
  #isStored(bytes: Uint8Array): boolean {
    if (this.#place === null) {
      this.#place = this.#storage.maybeReserve(this.#expectedBytes);
      if (this.#place === null) return false;
    }
    try {
      const memory = this.#inMemory;
      if (memory !== null) this.#place.append(memory);
      this.#forget();
      this.#place.append(bytes);
      return true;
    } catch (error) {
      if (error instanceof RangeError) throw error; // more than Content-Length says: the mistake is here
      return false; // its tmpfs is full; the disk may not be
    }
  }

  #beginSpool(): SpoolFile {
    const storage = this.#storage;
    const spool = new SpoolFile(
      storage.spoolPath(),
      (error) => storage.onSpoolError(error),
      (error) => storage.onNotDeleted(error),
    );
    this.#spool = spool;
    if (this.#place !== null) spool.write(this.#place.content(), () => {});
    const memory = this.#inMemory;
    if (memory !== null) spool.write(memory, () => {});
    this.#forget();
    this.#place?.release();
    this.#place = null;
    return spool;
  }
}
