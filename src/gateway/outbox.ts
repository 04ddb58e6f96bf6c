/**
 * What a client has not taken yet: in memory while it is little, then in a file, and when that is much too, the worker
 * waits. So a slow reader does not hold a worker, and no reader fills the memory.
 *
 * The file has no name: it is unlinked as soon as it is open, so nothing is left behind, whatever happens. When it cannot be
 * written (the disk is full), what is in memory stays there and the worker waits sooner; the response goes on.
 *
 *   direct ──more than the memory limit──▶ spooling ──all of the file sent──▶ direct
 *
 * Runs in: gateway.
 */
import { closeSync, ftruncate, read, unlinkSync, write } from "node:fs";
import type { Socket } from "node:net";
import { openSpooledSync } from "./spool-directory.ts";

/** Bytes that wait in the socket before the file is used. */
const MEMORY_BYTES = 256 * 1024;
/** Bytes that wait for the disk before the worker waits. */
const UNWRITTEN_BYTES = 1024 * 1024;
/** Bytes in the file before the worker waits. */
const FILE_BYTES = 1024 * 1024 * 1024;
/** Bytes read from the file at a time; the socket gets more when it has less than that. */
const CHUNK_BYTES = 64 * 1024;

export interface OutboxEvents {
  /** Where a file may be made. */
  spoolPath(): string;
  /** Once a connection, the system's error: the response is now kept back by making the worker wait. */
  onSpoolError(error: Error): void;
}

export class Outbox {
  readonly #socket: Socket;
  readonly #events: OutboxEvents;
  #fd = -1;
  /** Bytes of the file that are written, and those of them that are sent. */
  #written = 0;
  #sent = 0;
  /** What comes after the end of the file. */
  #unwritten: Uint8Array[] = [];
  #unwrittenBytes = 0;
  #isWriting = false;
  #isReading = false;
  #isBroken = false;
  #isEnding = false;
  #isClosed = false;
  #isGathering = false;
  #onRoom: (() => void) | null = null;

  constructor(socket: Socket, events: OutboxEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("drain", () => this.#pump());
    socket.on("close", () => this.#close());
  }

  write(bytes: Uint8Array): void {
    if (this.#isSpooling || (this.#socket.writableLength > MEMORY_BYTES && this.#openFile())) {
      this.#unwritten.push(bytes);
      this.#unwrittenBytes += bytes.length;
      this.#pump();
    } else {
      this.#socket.write(bytes);
    }
  }

  /** The socket gets what is written from now on at `release`, as one. */
  gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#socket.cork();
  }

  release(): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    this.#socket.uncork();
  }

  /** Ends the stream when everything is sent. */
  end(): void {
    this.#isEnding = true;
    if (!this.#isSpooling) this.#socket.end();
  }

  /** Bytes the client has not taken. */
  get waitingBytes(): number {
    return this.#socket.writableLength + this.#unwrittenBytes + this.#written - this.#sent;
  }

  /** Bytes the system has taken; grows while the client reads. */
  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** Whether the worker should wait. */
  get isFull(): boolean {
    if (!this.#isSpooling) return this.#isBroken && this.#socket.writableLength > MEMORY_BYTES;
    return this.#unwrittenBytes > UNWRITTEN_BYTES || this.#written - this.#sent > FILE_BYTES;
  }

  /** Calls back once, when there is room or the client is gone. */
  whenRoom(callback: () => void): void {
    this.#onRoom = callback;
  }

  get #isSpooling(): boolean {
    return this.#sent < this.#written || this.#unwrittenBytes > 0;
  }

  /** Moves bytes on, from memory to the file and from the file to the socket, as far as both take them now. */
  #pump(): void {
    if (this.#isClosed) return;
    if (this.#unwrittenBytes > 0 && !this.#isWriting && !this.#isBroken) this.#writeFile();
    if (this.#sent < this.#written && !this.#isReading && this.#socket.writableLength < CHUNK_BYTES)
      this.#readFile();
    if (this.#isBroken && this.#sent === this.#written && !this.#isWriting) this.#sendUnwritten();
    if (!this.#isSpooling && !this.#isReading) this.#onAllSent();
    if (this.#onRoom !== null && !this.isFull) this.#callRoom();
  }

  #writeFile(): void {
    const bytes = this.#unwritten[0] as Uint8Array;
    this.#isWriting = true;
    write(this.#fd, bytes, 0, bytes.length, this.#written, (error, written) => {
      this.#isWriting = false;
      if (this.#isClosed) {
        this.#close();
        return;
      }
      if (error !== null) this.#break(error);
      else this.#noteWritten(bytes, written);
      this.#pump();
    });
  }

  #noteWritten(bytes: Uint8Array, written: number): void {
    this.#written += written;
    this.#unwrittenBytes -= written;
    if (written === bytes.length) this.#unwritten.shift();
    else this.#unwritten[0] = bytes.subarray(written);
  }

  #readFile(): void {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#written - this.#sent));
    this.#isReading = true;
    read(this.#fd, chunk, 0, chunk.length, this.#sent, (error, count) => {
      this.#isReading = false;
      if (this.#isClosed) {
        this.#close();
        return;
      }
      if (error !== null || count === 0) {
        // What cannot be read cannot be sent: the client must not take the rest for the whole.
        this.#socket.destroy(error ?? new Error("the spool file is shorter than what was written"));
        return;
      }
      this.#sent += count;
      this.#socket.write(chunk.subarray(0, count));
      this.#pump();
    });
  }

  #sendUnwritten(): void {
    for (const bytes of this.#unwritten) this.#socket.write(bytes);
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
  }

  #onAllSent(): void {
    if (this.#written > 0) this.#emptyFile();
    if (this.#isEnding && !this.#socket.writableEnded) this.#socket.end();
  }

  /** Counts as writing: nothing may be written, and the descriptor not be closed, before it is over. */
  #emptyFile(): void {
    this.#written = this.#sent = 0;
    this.#isWriting = true;
    ftruncate(this.#fd, 0, () => {
      this.#isWriting = false;
      if (this.#isClosed) this.#close();
      else this.#pump();
    });
  }

  #openFile(): boolean {
    if (this.#fd >= 0) return true;
    if (this.#isBroken) return false;
    try {
      const path = this.#events.spoolPath();
      this.#fd = openSpooledSync(path, "wx+");
      unlinkSync(path);
      return true;
    } catch (error) {
      this.#break(error as Error);
      return false;
    }
  }

  #break(error: Error): void {
    this.#isBroken = true;
    this.#events.onSpoolError(error);
  }

  #callRoom(): void {
    const callback = this.#onRoom;
    this.#onRoom = null;
    callback?.();
  }

  /** The descriptor is closed only when no operation uses it. */
  #close(): void {
    this.#isClosed = true;
    this.#callRoom();
    if (this.#fd < 0 || this.#isWriting || this.#isReading) return;
    closeSync(this.#fd);
    this.#fd = -1;
    this.#unwritten = [];
  }
}
