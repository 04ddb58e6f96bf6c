/**
 * The scoreboard: who works on what, since when. Workers write it (python/tunicorn/scoreboard.py), the arbiter and the
 * gateways read it.
 *
 * Runs in: arbiter (creates and reads it), gateway (reads it).
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { PROTOCOL_VERSION, SCOREBOARD_HEADER_BYTES, SCOREBOARD_MAGIC, SLOT, SLOT_BYTES } from "./layout.ts";

/** One thread of a worker. `startedMs` is of the monotonic clock; it, `gateway` and `ticket` are 0 when not busy. */
export interface SlotRecord {
  readonly age: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: number;
  readonly gateway: number;
  readonly ticket: number;
  readonly startedMs: number;
  readonly served: number;
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

  constructor(path: string) {
    this.#fd = openSync(path, "r");
    const header = Buffer.alloc(16);
    readSync(this.#fd, header, 0, header.length, 0);
    this.slots = header.readUInt32LE(8);
    this.#buffer = Buffer.alloc(this.slots * SLOT_BYTES);
  }

  /** `count` slots from `first` on, as they are now. A slot that is being written may be seen half old, half new. */
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
  };
}
