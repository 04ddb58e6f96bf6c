/**
 * Tells worker threads that the client of their request has left, or has ended its side, by writing it into the slot of the
 * scoreboard that notes the request (PROTOCOL.md §4). The thread looks there around each item of a streamed response.
 *
 * Rules: the request's own numbers are written, so nothing that is late or half written concerns another request. A client that has
 * ended its side may be of a request that no thread has noted yet, and two gateways may write to the same slot at the same
 * moment. So everything is looked at again, as long as it matters.
 *
 * Runs in: gateway.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { SCOREBOARD_HEADER_BYTES, SLOT, SLOT_BYTES, SLOT_CLAIMED, SLOT_WORKING } from "../queue/layout.ts";

type Departure = "ended" | "left";

/** Where a slot has gateway and ticket of a request whose client has departed so. */
const FIELD: Readonly<Record<Departure, number>> = { ended: SLOT.endedGateway, left: SLOT.leftGateway };

export class Departures {
  readonly #fd: number;
  readonly #age: number;
  readonly #board: Buffer;
  /** By ticket. */
  readonly #departed = new Map<number, Departure>();

  constructor(scoreboardPath: string, age: number) {
    this.#fd = openSync(scoreboardPath, "r+");
    this.#age = age;
    this.#board = Buffer.alloc(fstatSync(this.#fd).size - SCOREBOARD_HEADER_BYTES);
  }

  /** The client sends no more; it may still read. */
  ended(ticket: number): void {
    if (!this.#departed.has(ticket)) this.#note(ticket, "ended");
  }

  /** The connection is gone. A ticket that no thread has noted yet must have been withdrawn before. */
  left(ticket: number): void {
    this.#note(ticket, "left");
  }

  #note(ticket: number, departure: Departure): void {
    this.#departed.set(ticket, departure);
    this.#read();
    this.#tell(ticket, departure);
  }

  /** To be called now and then. `isOpen`: the request has no complete reply yet, and its client has not left. */
  sweep(isOpen: (ticket: number) => boolean): void {
    if (this.#departed.size === 0) return;
    this.#read();
    for (const [ticket, departure] of this.#departed) {
      const isAtWork = this.#tell(ticket, departure);
      if (departure === "left" ? !isAtWork : !isOpen(ticket)) this.#departed.delete(ticket);
    }
  }

  #read(): void {
    readSync(this.#fd, this.#board, 0, this.#board.length, SCOREBOARD_HEADER_BYTES);
  }

  /** Returns whether a thread is on it. */
  #tell(ticket: number, departure: Departure): boolean {
    const slot = this.#slotOf(ticket);
    if (slot < 0) return false;
    const offset = slot + FIELD[departure];
    const isTold =
      this.#board.readUInt32LE(offset) === this.#age && this.#board.readUInt32LE(offset + 4) === ticket;
    if (isTold) return true;
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32LE(this.#age, 0);
    numbers.writeUInt32LE(ticket, 4);
    writeSync(this.#fd, numbers, 0, numbers.length, SCOREBOARD_HEADER_BYTES + offset);
    return true;
  }

  /** The offset of the slot of the thread that is on it; -1: there is none. */
  #slotOf(ticket: number): number {
    const board = this.#board;
    for (let slot = 0; slot + SLOT_BYTES <= board.length; slot += SLOT_BYTES) {
      if (board.readUInt32LE(slot + SLOT.ticket) !== ticket) continue;
      const state = board[slot + SLOT.state];
      if (state !== SLOT_CLAIMED && state !== SLOT_WORKING) continue;
      if (board.readUInt32LE(slot + SLOT.gateway) === this.#age) return slot;
    }
    return -1;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
