/**
 * Sends a part of a file that a worker has handed over (handed-file.ts).
 *
 * Rules: the file is read as the client takes it, one piece at a time, and after each piece it is looked at: nothing of a file that has
 * changed is sent. Its descriptor is closed whatever happens.
 *
 * Runs in: gateway.
 */
import { type BigIntStats, close, fstat, read, readlinkSync } from "node:fs";
import type { Socket } from "node:net";
import type { OpenedFile } from "./handed-file.ts";
import type { Outbox } from "./outbox.ts";

const PIECE_BYTES = 256 * 1024;

/** Why a file could not be sent to its end, for the log: "Response file was changed midway in". */
export class FileFailure extends Error {}

export class FileSender {
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #fd: number;
  readonly #path: string;
  readonly #onRead: () => void;
  readonly #onDone: (sentBytes: number, failure: FileFailure | null) => void;
  readonly #end: number;
  readonly #start: number;
  #stats: BigIntStats;
  #position: number;
  #piece: Buffer;
  #isReading = false;
  #isOver = false;

  /**
   * Takes over the descriptor. `onRead` is called once, when the file is read no more. `onDone` is called once, with the bytes that
   * were sent; not when the client leaves before.
   */
  constructor(
    socket: Socket,
    outbox: Outbox,
    { fd, offset, length, stats }: OpenedFile,
    onRead: () => void,
    onDone: (sentBytes: number, failure: FileFailure | null) => void,
  ) {
    this.#socket = socket;
    this.#outbox = outbox;
    this.#fd = fd;
    this.#path = pathOf(fd);
    this.#stats = stats;
    this.#start = this.#position = offset;
    this.#end = offset + length;
    this.#onRead = onRead;
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
      if (this.#isOver || error !== null) this.#onLooked(count, error);
      else fstat(this.#fd, { bigint: true }, (failed, stats) => this.#onLooked(count, failed, stats));
    });
  }

  /** The piece has been read, and the file looked at afterwards: so what was changed before the end of the read shows. */
  #onLooked(count: number, error: Error | null, stats?: BigIntStats): void {
    this.#isReading = false;
    if (this.#isOver) this.#closeFile();
    else if (error !== null)
      this.#finish(new FileFailure(`Reading the response file failed midway (${error.message}) in`));
    else if (stats === undefined || count === 0 || this.#hasChanged(stats))
      this.#finish(new FileFailure("Response file was changed midway in"));
    else this.#send(count);
  }

  /**
   * What changes the bytes sets the time of modification. The time of change alone, without the size, can be set by a rename, a link, a
   * deletion or a change of rights, which leave the bytes alone, or by who has set the time of modification back.
   */
  #hasChanged(stats: BigIntStats): boolean {
    const before = this.#stats;
    if (stats.mtimeNs !== before.mtimeNs || stats.size !== before.size) return true;
    if (stats.ctimeNs === before.ctimeNs) return false;
    const isOtherwise = (["nlink", "mode", "uid", "gid"] as const).some(
      (field) => stats[field] !== before[field],
    );
    if (!isOtherwise && pathOf(this.#fd) === this.#path) return true;
    this.#stats = stats;
    return false;
  }

  #send(count: number): void {
    this.#position += count;
    this.#outbox.write(this.#piece.subarray(0, count));
    // What the system has not taken lies in the piece.
    if (this.#outbox.waitingBytes > 0) this.#piece = Buffer.allocUnsafeSlow(this.#piece.length);
    this.#pump();
  }

  #finish(failure: FileFailure | null): void {
    this.#leave();
    this.#closeFile();
    this.#onDone(this.#position - this.#start, failure);
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
    close(this.#fd, this.#onRead);
  }
}

/** Empty where the system does not tell. */
function pathOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}
