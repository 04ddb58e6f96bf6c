/**
 * Finds requests that run past `timeout`, on the scoreboard. There is no heartbeat: what counts is how long a thread is
 * on its request, and nothing a worker would have to do.
 *
 * Runs in: arbiter.
 */
import { SLOT_BUSY } from "../queue/layout.ts";
import type { SlotRecord } from "../queue/scoreboard.ts";

/** How often the scoreboard is looked at, ms; a request may run as much longer. */
export const LOOK_MS = 250;

/** Milliseconds of CLOCK_MONOTONIC, the scoreboard's clock. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

export interface Overdue {
  readonly age: number;
  readonly gateway: number;
  readonly ticket: number;
  readonly ranMs: number;
}

export class Deadlines {
  /** What was reported already, so that each request is reported once: the slot's index and its start. */
  readonly #reported = new Map<number, number>();

  /** `timeoutMs` 0: none is ever overdue. */
  overdue(slots: readonly SlotRecord[], timeoutMs: number, nowMs: number): Overdue[] {
    const found: Overdue[] = [];
    if (timeoutMs === 0) return found;
    slots.forEach(({ age, state, gateway, ticket, startedMs }, index) => {
      if (age === 0 || state !== SLOT_BUSY || nowMs - startedMs <= timeoutMs) return;
      if (this.#reported.get(index) === startedMs) return;
      this.#reported.set(index, startedMs);
      found.push({ age, gateway, ticket, ranMs: nowMs - startedMs });
    });
    return found;
  }
}
