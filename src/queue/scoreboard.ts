/**
 * The scoreboard: who works on what, since when. Workers write it (python/tunicorn/scoreboard.py), the arbiter and the
 * gateways read it.
 *
 * Runs in: arbiter (creates and reads it), gateway (reads it).
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import {
  PROTOCOL_VERSION,
  SCOREBOARD_HEADER_BYTES,
  SCOREBOARD_MAGIC,
  SLOT,
  SLOT_BYTES,
  SLOT_CLAIMED,
  SLOT_WORKING,
} from "./layout.ts";

/** In `retireSeen`. */
const ASKS_TO_RETIRE = 2;

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
  /** Of the first slot of a worker: it was told to leave by somebody else, and goes on until the arbiter orders it. */
  readonly asksToRetire: boolean;
}

/** Creates the file with every slot free. */
export function createScoreboard(path: string, slots: number): void {
  const bytes = Buffer.alloc(sizeOf(slots));
  headerOf(slots).copy(bytes);
  const fd = openSync(path, "wx", 0o600);
  try {
    writeSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

function headerOf(slots: number): Buffer {
  const header = Buffer.alloc(SCOREBOARD_HEADER_BYTES);
  for (const [word, value] of [SCOREBOARD_MAGIC, PROTOCOL_VERSION, slots, SLOT_BYTES].entries())
    header.writeUInt32LE(value, word * 4);
  return header;
}

const sizeOf = (slots: number): number => SCOREBOARD_HEADER_BYTES + slots * SLOT_BYTES;

/** What bytes of another origin may say is none. */
const MAX_STARTED_MS = 1e15;

/**
 * Workers can write anything into the file, so nothing in it is believed that could do more harm than to lose a request: numbers are
 * finite, a slot beyond the end of the file is free.
 */
export class ScoreboardReader {
  readonly slots: number;
  readonly #fd: number;
  readonly #buffer: Buffer;

  /** The file's size says how many slots there are: its header lies in memory that workers write. "r+": for `restore`. */
  constructor(path: string, flags: "r" | "r+" = "r") {
    const access = flags === "r" ? constants.O_RDONLY : constants.O_RDWR;
    // Not what another process of its owner has put there meanwhile.
    this.#fd = openSync(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    this.slots = Math.floor((fstatSync(this.#fd).size - SCOREBOARD_HEADER_BYTES) / SLOT_BYTES);
    this.#buffer = Buffer.alloc(this.slots * SLOT_BYTES);
  }

  /** `count` slots from `first` on, as they are now. Each field is one that was true; two fields may be of different moments. */
  read(first = 0, count = this.slots - first): SlotRecord[] {
    const length = this.#load(first, count);
    const records: SlotRecord[] = [];
    for (let offset = 0; offset < length; offset += SLOT_BYTES)
      records.push(decodeSlot(this.#buffer, offset));
    return records;
  }

  /** Calls `note` for each slot whose latest ticket is of this gateway. */
  forEachTicket(gateway: number, note: (ticket: number, slot: number, state: number) => void): void {
    const length = this.#load(0, this.slots);
    const buffer = this.#buffer;
    for (let offset = 0; offset < length; offset += SLOT_BYTES) {
      if (buffer.readUInt32LE(offset + SLOT.gateway) !== gateway) continue;
      const ticket = buffer.readUInt32LE(offset + SLOT.ticket);
      if (ticket !== 0) note(ticket, offset / SLOT_BYTES, buffer[offset + SLOT.state] as number);
    }
  }

  /** One slot; undefined when there is none of this number. */
  maybeSlot(slot: number): SlotRecord | undefined {
    return slot >= 0 && slot < this.slots ? this.read(slot, 1)[0] : undefined;
  }

  /** For a zygote that is about to open the file: the header, and the size, are again what they were. */
  restore(): void {
    writeSync(this.#fd, headerOf(this.slots), 0, SCOREBOARD_HEADER_BYTES, 0);
    if (fstatSync(this.#fd).size < sizeOf(this.slots)) ftruncateSync(this.#fd, sizeOf(this.slots));
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Returns how many bytes of the buffer belong to these slots. What the file has not is zero. */
  #load(first: number, count: number): number {
    const length = count * SLOT_BYTES;
    const start = SCOREBOARD_HEADER_BYTES + first * SLOT_BYTES;
    const read = readSync(this.#fd, this.#buffer, 0, length, start);
    if (read < length) this.#buffer.fill(0, read, length);
    return length;
  }
}

/** Whether the thread is on a request. */
export function isBusy({ state }: Pick<SlotRecord, "state">): boolean {
  return state === SLOT_CLAIMED || state === SLOT_WORKING;
}

export function decodeSlot(bytes: Buffer, offset: number): SlotRecord {
  const startedMs = bytes.readDoubleLE(offset + SLOT.started);
  return {
    age: bytes.readUInt32LE(offset + SLOT.age),
    pid: bytes.readUInt32LE(offset + SLOT.pid),
    generation: bytes.readUInt32LE(offset + SLOT.generation),
    state: bytes.readUInt8(offset + SLOT.state),
    gateway: bytes.readUInt32LE(offset + SLOT.gateway),
    ticket: bytes.readUInt32LE(offset + SLOT.ticket),
    startedMs: startedMs >= 0 && startedMs < MAX_STARTED_MS ? startedMs : 0,
    served: Number(bytes.readBigUInt64LE(offset + SLOT.served)),
    progressMs: finite(bytes.readDoubleLE(offset + SLOT.progress)),
    aliveMs: finite(bytes.readDoubleLE(offset + SLOT.alive)),
    asksToRetire: bytes.readUInt8(offset + SLOT.retireSeen) === ASKS_TO_RETIRE,
  };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
