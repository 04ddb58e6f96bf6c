/**
 * A part of a file that a worker offers as the body of a response (PROTOCOL.md §5, FILE): whether the gateway takes it, and how.
 *
 * Rules: the client never gets bytes that were not in the file when the worker handed it over (docs/decisions/0027-handing-files-over.md).
 * A small part is copied before the worker hears of it. A large one is kept open, and its state then is what it is compared
 * with later. A file system tells the time of a change by the kernel's ticks, so a large file that was changed just now is refused:
 * another change could not be told from that one.
 *
 * Runs in: gateway.
 */
import { type BigIntStats, close, constants, fstat, open, read } from "node:fs";
import { FILE, FILE_COPY_BYTES } from "../queue/layout.ts";

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

/** The gateway has it open. Who is given it closes it. */
export interface OpenedFile {
  readonly fd: number;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  /** As it was handed over. */
  readonly stats: BigIntStats;
}

export type TakenFile =
  | { readonly kind: "refused" }
  | { readonly kind: "copied"; readonly bytes: Buffer }
  | { readonly kind: "kept"; readonly file: OpenedFile };

const REFUSED: TakenFile = { kind: "refused" };

/** A large file must have been left alone for so long, ms. Ticks are of 10 ms at most, those of old file systems of two seconds. */
const SETTLED_MS = 2_000;

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

/** Refused: it has another name by now, is not for the gateway to read, or is large and was changed just now. */
export function takeHandedFile(handed: HandedFile, callback: (taken: TakenFile) => void): void {
  open(handed.path, OPEN_FLAGS, (openError, fd) => {
    if (openError !== null) {
      callback(REFUSED);
      return;
    }
    fstat(fd, { bigint: true }, (error, stats) => {
      const { offset, length } = handed;
      if (error !== null || !isIt(stats, handed)) closeAnd(fd, () => callback(REFUSED));
      else if (length <= FILE_COPY_BYTES) copy({ fd, offset, length, stats }, callback);
      else if (isSettled(stats)) callback({ kind: "kept", file: { fd, offset, length, stats } });
      else closeAnd(fd, () => callback(REFUSED));
    });
  });
}

function isIt(stats: BigIntStats, { device, inode }: HandedFile): boolean {
  return stats.isFile() && stats.dev === device && stats.ino === inode;
}

/** By the time of change, which nobody can set. */
function isSettled({ ctimeMs }: BigIntStats): boolean {
  return Date.now() - Number(ctimeMs) > SETTLED_MS;
}

/** Refused when the file ends before. */
function copy({ fd, offset, length }: OpenedFile, callback: (taken: TakenFile) => void): void {
  const bytes = Buffer.allocUnsafeSlow(length);
  const readOn = (have: number): void => {
    read(fd, bytes, have, length - have, offset + have, (error, count) => {
      if (error !== null || count === 0) closeAnd(fd, () => callback(REFUSED));
      else if (have + count < length) readOn(have + count);
      else closeAnd(fd, () => callback({ kind: "copied", bytes }));
    });
  };
  readOn(0);
}

function closeAnd(fd: number, callback: () => void): void {
  close(fd, callback);
}
