/**
 * Keys of tickets: 32 random bits each. A key stands in the ticket alone, and a ticket is read by exactly one worker
 * thread; every reply frame repeats it. So a frame that names another request's ticket, by mistake or by malice, is told
 * from a reply, without a look at the scoreboard (docs/decisions/0023-ticket-keys.md).
 *
 * Runs in: gateway.
 */
import { randomFillSync } from "node:crypto";

/** Keys made at a time: one call of the random generator costs as much as some hundred keys. */
const BATCH = 1024;

export class TicketKeys {
  readonly #keys = new Uint32Array(BATCH);
  #next = BATCH;

  /** 0 to 2³² − 1. */
  next(): number {
    if (this.#next === BATCH) {
      randomFillSync(this.#keys);
      this.#next = 0;
    }
    return this.#keys[this.#next++] as number;
  }
}
