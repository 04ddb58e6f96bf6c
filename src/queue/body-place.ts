/**
 * Room in the arena for one request body: written as the client sends it, so that it lies where the worker reads it when
 * the request is complete.
 *
 * Whoever reserves it releases it, unless a record points to it: then it is free again when the record is.
 *
 * Runs in: gateway.
 */
import { readSync, writeSync } from "node:fs";
import { STORED_BODY } from "./layout.ts";

export interface BodyPlaceEvents {
  /** So many bytes from `offset` on are in the file. */
  onWritten(offset: number, length: number): void;
  /** A write has failed. */
  onShortage(): void;
  onReleased(): void;
}

export class BodyPlace {
  /** A record points to it. */
  isQueued = false;
  readonly #fd: number;
  readonly #offset: number;
  readonly #size: number;
  readonly #events: BodyPlaceEvents;
  #written = 0;
  #isReleased = false;

  /** `size` bytes of the file from `offset` on. */
  constructor(fd: number, offset: number, size: number, events: BodyPlaceEvents) {
    this.#fd = fd;
    this.#offset = offset;
    this.#size = size;
    this.#events = events;
  }

  /** Throws the system's error, ENOSPC when the tmpfs is full; nothing of `bytes` counts then. */
  append(bytes: Uint8Array): void {
    const end = this.#written + bytes.length;
    if (end > this.#size) throw new RangeError(`${end} bytes do not fit into ${this.#size}`);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#offset + this.#written + done);
      }
    } catch (error) {
      this.#events.onShortage();
      throw error;
    }
    this.#events.onWritten(this.#offset + this.#written, bytes.length);
    this.#written = end;
  }

  /** What has been written. */
  content(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#written);
    readSync(this.#fd, bytes, 0, bytes.length, this.#offset);
    return bytes;
  }

  /** What stands in the record. */
  get pointer(): Buffer {
    const pointer = Buffer.allocUnsafe(STORED_BODY.bytes);
    pointer.writeUInt32LE(this.#offset, STORED_BODY.offset);
    pointer.writeUInt32LE(this.#written, STORED_BODY.length);
    return pointer;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#events.onReleased();
  }
}
