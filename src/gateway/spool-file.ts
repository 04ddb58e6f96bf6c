/**
 * A request body too large for the arena: written to a file of its own, which the worker opens as `wsgi.input`.
 *
 * It is deleted when its request is answered or given up. What a killed gateway leaves, the arbiter removes with the
 * spool directory.
 *
 * Runs in: gateway.
 */
import { close, createWriteStream, unlink, type WriteStream, write, writev } from "node:fs";
import { KeptBytes } from "./http1/kept-bytes.ts";
import { openSpooled } from "./spool-directory.ts";

/** Bytes that may wait for the disk before the client is made to wait. */
const PENDING_BYTES = 256 * 1024;

/** Smaller pieces are gathered up to this size while the disk is busy: each write that waits takes some hundred bytes. */
const GATHERED_BYTES = 16 * 1024;

export class SpoolFile {
  readonly path: string;
  readonly #stream: WriteStream;
  readonly #gathered = new KeptBytes();
  readonly #onNotDeleted: (error: Error) => void;
  #failed = false;
  #discarded = false;
  /** The client that waits for the disk. */
  #onDrained: (() => void) | null = null;

  /**
   * `onError` is called at most once, with the system's error: the disk is full. `onNotDeleted`, with the system's error, when the
   * file stays: the file system has become read-only.
   */
  constructor(path: string, onError: (error: Error) => void, onNotDeleted: (error: Error) => void) {
    this.path = path;
    this.#onNotDeleted = onNotDeleted;
    this.#stream = createWriteStream(path, {
      flags: "wx",
      highWaterMark: PENDING_BYTES,
      fs: { open: openSpooled, write, writev, close },
    });
    this.#stream.on("drain", () => this.#drained());
    this.#stream.on("error", (error) => {
      this.#failed = true;
      if (!this.#discarded) onError(error);
    });
    this.#stream.on("close", () => {
      if (this.#discarded) this.#unlink();
    });
  }

  /** Takes a copy. Returns false when the client should wait for `onDrained`. */
  write(bytes: Uint8Array, onDrained: () => void): boolean {
    if (this.#failed || this.#discarded) return true;
    if (bytes.length < GATHERED_BYTES && this.#stream.writableLength > 0) this.#gather(bytes);
    else this.#writeNow(bytes);
    const hasRoom = !this.#stream.writableNeedDrain;
    if (!hasRoom) this.#onDrained = onDrained;
    return hasRoom;
  }

  /** `onComplete` is called when every byte is in the file. */
  end(onComplete: () => void): void {
    this.#writeGathered();
    this.#stream.end((error?: Error | null) => {
      // A stream that is ending reports no more that it has drained.
      this.#drained();
      // The failure comes here before the stream's "error" does.
      if (!error && !this.#discarded) onComplete();
    });
  }

  /** Deletes the file. A worker that has it open can go on reading. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#gathered.clear();
    if (this.#stream.closed) this.#unlink();
    else this.#stream.destroy();
  }

  /** Bytes of memory that wait for the disk. */
  get heldBytes(): number {
    return this.#gathered.capacity + this.#stream.writableLength;
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered.append(bytes, 0, bytes.length);
    if (this.#gathered.length >= GATHERED_BYTES) this.#writeGathered();
  }

  #writeNow(bytes: Uint8Array): void {
    this.#writeGathered();
    this.#stream.write(Buffer.from(bytes), () => {
      if (this.#stream.writableLength === 0) this.#writeGathered();
    });
  }

  #writeGathered(): void {
    const bytes = this.#gathered.take();
    if (bytes.length > 0 && !this.#failed && !this.#discarded) this.#stream.write(bytes);
  }

  #drained(): void {
    this.#onDrained?.();
    this.#onDrained = null;
  }

  #unlink(): void {
    unlink(this.path, (error) => {
      if (error !== null && error.code !== "ENOENT") this.#onNotDeleted(error);
    });
  }
}
