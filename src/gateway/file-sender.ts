/**
 * Sends a part of a file that a worker has handed over (PROTOCOL.md §5, FILE).
 *
 * Rules: the file is read as the client takes it, one piece at a time; its descriptor is closed whatever happens. A file that has
 * become shorter than what was announced cannot be completed, and the receiver is told.
 *
 * Runs in: gateway.
 */
import { close, constants, fstat, open, read } from "node:fs";
import type { Socket } from "node:net";
import { FILE } from "../queue/layout.ts";
import type { Outbox } from "./outbox.ts";

/** What a worker has open, by the name that it had; and the head of the response. */
export interface HandedFile {
  readonly head: Buffer;
  readonly path: Buffer;
  readonly device: bigint;
  readonly inode: bigint;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

const PIECE_BYTES = 256 * 1024;

// Not a pipe that has taken the file's place: opening one waits for a writer.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** The payload of a FILE frame. */
export function readHandedFile(payload: Buffer): HandedFile {
  const pathStart = FILE.infoBytes + payload.readUInt32LE(FILE.headLength);
  return {
    head: payload.subarray(FILE.infoBytes, pathStart),
    path: payload.subarray(pathStart),
    device: payload.readBigUInt64LE(FILE.device),
    inode: payload.readBigUInt64LE(FILE.inode),
    offset: Number(payload.readBigUInt64LE(FILE.offset)),
    length: Number(payload.readBigUInt64LE(FILE.length)),
  };
}

/** Calls back with a descriptor of the very file, or null: it has another name by now, or is not for the gateway to read. */
export function openHandedFile(file: HandedFile, callback: (fd: number | null) => void): void {
  open(file.path, OPEN_FLAGS, (openError, fd) => {
    if (openError !== null) {
      callback(null);
      return;
    }
    fstat(fd, { bigint: true }, (error, stats) => {
      const isIt = error === null && stats.isFile() && stats.dev === file.device && stats.ino === file.inode;
      if (isIt) callback(fd);
      else close(fd, () => callback(null));
    });
  });
}

export class FileSender {
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #fd: number;
  readonly #onDone: (sentBytes: number, error: Error | null) => void;
  readonly #end: number;
  readonly #start: number;
  #position: number;
  #piece: Buffer;
  #isReading = false;
  #isOver = false;

  /**
   * Takes over the descriptor. `onDone` is called once, with the bytes that were sent; not when the client leaves before.
   */
  constructor(
    socket: Socket,
    outbox: Outbox,
    fd: number,
    offset: number,
    length: number,
    onDone: (sentBytes: number, error: Error | null) => void,
  ) {
    this.#socket = socket;
    this.#outbox = outbox;
    this.#fd = fd;
    this.#start = this.#position = offset;
    this.#end = offset + length;
    this.#onDone = onDone;
    this.#piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, length));
    socket.on("drain", this.#pump);
    socket.on("close", this.#onClose);
    this.#pump();
  }

  readonly #pump = (): void => {
    if (this.#isOver || this.#isReading) return;
    if (this.#position === this.#end) this.#finish(null);
    else if (this.#outbox.waitingBytes < PIECE_BYTES) this.#read();
  };

  #read(): void {
    const length = Math.min(this.#piece.length, this.#end - this.#position);
    this.#isReading = true;
    read(this.#fd, this.#piece, 0, length, this.#position, (error, count) => {
      this.#isReading = false;
      if (this.#isOver) this.#closeFile();
      else if (error !== null || count === 0) this.#finish(error ?? new Error("the file has become shorter"));
      else this.#send(count);
    });
  }

  #send(count: number): void {
    this.#position += count;
    this.#outbox.write(this.#piece.subarray(0, count));
    // What the system has not taken lies in the piece.
    if (this.#outbox.waitingBytes > 0) this.#piece = Buffer.allocUnsafeSlow(this.#piece.length);
    this.#pump();
  }

  #finish(error: Error | null): void {
    this.#leave();
    this.#closeFile();
    this.#onDone(this.#position - this.#start, error);
  }

  readonly #onClose = (): void => {
    this.#leave();
    if (!this.#isReading) this.#closeFile();
  };

  #leave(): void {
    this.#isOver = true;
    this.#socket.off("drain", this.#pump);
    this.#socket.off("close", this.#onClose);
  }

  #closeFile(): void {
    close(this.#fd);
  }
}
