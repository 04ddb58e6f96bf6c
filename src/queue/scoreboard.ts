/**
 * The scoreboard: who works on what, since when. Workers write it (python/tunicorn/scoreboard.py), the arbiter and the
 * gateways read it.
 *
 * Runs in: arbiter (creates and reads it), gateway (reads it).
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import {
  PROTOCOL_VERSION,
  SCOREBOARD_HEADER_BYTES,
  SCOREBOARD_MAGIC,
  SLOT,
  SLOT_BYTES,
  SLOT_CLAIMED,
  SLOT_WORKING,
} from "./layout.ts";

/**
 * One thread of a worker. `startedMs` is of the monotonic clock. `gateway`, `ticket` and `startedMs` belong to the request in
 * work while the slot is busy, and to the latest one afterwards.
 */
export interface SlotRecord {
  readonly age: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: number;
  readonly gateway: number;
  readonly ticket: number;
  readonly startedMs: number;
  readonly served: number;
  /** When the body last moved on; minus `startedMs` while the thread waits for its gateway. Before `startedMs`: not yet. */
  readonly progressMs: number;
  /** When the main thread last ran; 0: it does not say. Of the first slot of a worker. */
  readonly aliveMs: number;
}

/** Creates the file with every slot free. */
export function createScoreboard(path: string, slots: number): void {
  const bytes = Buffer.alloc(SCOREBOARD_HEADER_BYTES + slots * SLOT_BYTES);
  bytes.writeUInt32LE(SCOREBOARD_MAGIC, 0);
  bytes.writeUInt32LE(PROTOCOL_VERSION, 4);
  bytes.writeUInt32LE(slots, 8);
  bytes.writeUInt32LE(SLOT_BYTES, 12);
  const fd = openSync(path, "wx", 0o600);
  try {
    writeSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

export class ScoreboardReader {
  readonly slots: number;
  readonly #fd: number;
  readonly #buffer: Buffer;

  /** The file's size says how many slots there are: its header lies in memory that workers write. */
  constructor(path: string) {
    // Not what another process of its owner has put there meanwhile.
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    this.slots = Math.floor((fstatSync(this.#fd).size - SCOREBOARD_HEADER_BYTES) / SLOT_BYTES);
    this.#buffer = Buffer.alloc(this.slots * SLOT_BYTES);
  }

  /** `count` slots from `first` on, as they are now. Each field is one that was true; two fields may be of different moments. */
  read(first = 0, count = this.slots - first): SlotRecord[] {
    const length = count * SLOT_BYTES;
    readSync(this.#fd, this.#buffer, 0, length, SCOREBOARD_HEADER_BYTES + first * SLOT_BYTES);
    const records: SlotRecord[] = [];
    for (let offset = 0; offset < length; offset += SLOT_BYTES)
      records.push(decodeSlot(this.#buffer, offset));
    return records;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Whether the thread is on a request. */
export function isBusy({ state }: Pick<SlotRecord, "state">): boolean {
  return state === SLOT_CLAIMED || state === SLOT_WORKING;
}

export function decodeSlot(bytes: Buffer, offset: number): SlotRecord {
  return {
    age: bytes.readUInt32LE(offset + SLOT.age),
    pid: bytes.readUInt32LE(offset + SLOT.pid),
    generation: bytes.readUInt32LE(offset + SLOT.generation),
    state: bytes.readUInt8(offset + SLOT.state),
    gateway: bytes.readUInt32LE(offset + SLOT.gateway),
    ticket: bytes.readUInt32LE(offset + SLOT.ticket),
    startedMs: bytes.readDoubleLE(offset + SLOT.started),
    served: Number(bytes.readBigUInt64LE(offset + SLOT.served)),
    progressMs: bytes.readDoubleLE(offset + SLOT.progress),
    aliveMs: bytes.readDoubleLE(offset + SLOT.alive),
  };
}
