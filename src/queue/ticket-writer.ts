/**
 * Writes tickets into the shared FIFO.
 *
 * Never blocks: what the FIFO does not take now stays here, in order, and is written when replies show that tickets
 * were claimed. One write is at most PIPE_BUF bytes, so that it is atomic beside other gateways' writes.
 *
 * Runs in: gateway.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { PIPE_BUF_BYTES, TICKET_BYTES } from "./layout.ts";

const GROWTH = 2;

export class TicketWriter {
  readonly #fd: number;
  readonly #gateway: number;
  /** Tickets that are not in the FIFO yet: bytes `#start` … `#end`. */
  #pending: Buffer = Buffer.allocUnsafeSlow(PIPE_BUF_BYTES);
  #start = 0;
  #end = 0;

  /** Opens the FIFO for both directions: so the open does not wait for a worker, and no reader is ever missing. */
  constructor(path: string, gateway: number) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#gateway = gateway;
  }

  get pending(): number {
    return (this.#end - this.#start) / TICKET_BYTES;
  }

  /** `key`: 32 bits that only the worker who claims the ticket gets to know. */
  add(id: number, offset: number, key: number): void {
    if (this.#end + TICKET_BYTES > this.#pending.length) this.#makeRoom();
    const buffer = this.#pending;
    buffer.writeUInt32LE(this.#gateway, this.#end);
    buffer.writeUInt32LE(id, this.#end + 4);
    buffer.writeUInt32LE(offset, this.#end + 8);
    buffer.writeUInt32LE(key, this.#end + 12);
    this.#end += TICKET_BYTES;
  }

  /** Takes back the last tickets added; none of them may have been written. */
  dropLast(count: number): void {
    this.#end -= count * TICKET_BYTES;
  }

  /** Writes as much as the FIFO takes. Returns whether everything is out. */
  flush(): boolean {
    while (this.#start < this.#end) {
      const size = Math.min(PIPE_BUF_BYTES, this.#end - this.#start);
      try {
        // An atomic write is taken whole or refused with EAGAIN.
        this.#start += writeSync(this.#fd, this.#pending, this.#start, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
        if (size === TICKET_BYTES || !this.#writeOne()) return false;
      }
    }
    this.#start = this.#end = 0;
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Where a batch does not fit, a single ticket may. */
  #writeOne(): boolean {
    try {
      this.#start += writeSync(this.#fd, this.#pending, this.#start, TICKET_BYTES);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
      throw error;
    }
  }

  #makeRoom(): void {
    const length = this.#end - this.#start;
    const target =
      length * GROWTH > this.#pending.length
        ? Buffer.allocUnsafeSlow(this.#pending.length * GROWTH)
        : this.#pending;
    this.#pending.copy(target, 0, this.#start, this.#end);
    this.#pending = target;
    this.#start = 0;
    this.#end = length;
  }
}
