/**
 * Finds requests that run past `timeout`, on the scoreboard, and says how far to go with each. There is no heartbeat: what
 * counts is how long a thread is on its request, and nothing a worker would have to do.
 *
 *   overdue ──▶ interrupt: 504, stacks, RequestTimeout ──still on it after a grace──▶ lose: its worker will be killed
 *
 * Pure: no I/O.
 *
 * Runs in: arbiter.
 */
import { isBusy, type SlotRecord } from "../queue/scoreboard.ts";

/** How often the scoreboard is looked at, ms; a request may run as much longer. */
export const LOOK_MS = 250;

/** How long Python code may take to end at RequestTimeout, with its `finally` and `with` blocks, on a busy machine too, ms. */
export const INTERRUPT_GRACE_MS = 2000;

/** Milliseconds of CLOCK_MONOTONIC, the scoreboard's clock. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

export interface Overdue {
  readonly step: "interrupt" | "lose";
  readonly age: number;
  /** Of the thread that is on it. */
  readonly slot: number;
  readonly gateway: number;
  readonly ticket: number;
  readonly ranMs: number;
}

interface Known {
  /** Tells the request from the next one on the same slot. */
  readonly startedMs: number;
  readonly interruptedMs: number;
  isLost: boolean;
}

export class Deadlines {
  /** By slot. */
  readonly #known = new Map<number, Known>();
  /** By slot: since when it was busy at the look before; NaN when it was not. */
  readonly #seen: number[] = [];

  /**
   * Each request is named at most once for each step. `timeoutMs` of a worker; 0: none is ever overdue.
   *
   * One that was not there at the look before cannot be overdue: its slot was being written while it was read.
   */
  overdue(slots: readonly SlotRecord[], timeoutMs: (age: number) => number, nowMs: number): Overdue[] {
    const found: Overdue[] = [];
    slots.forEach((record, slot) => {
      const { age, gateway, ticket, startedMs } = record;
      const isAtWork = age !== 0 && isBusy(record);
      const wasSeen = this.#seen[slot] === startedMs;
      this.#seen[slot] = isAtWork ? startedMs : Number.NaN;
      if (!isAtWork || !wasSeen) return;
      const limitMs = timeoutMs(age);
      const ranMs = nowMs - startedMs;
      if (limitMs === 0 || ranMs <= limitMs) return;
      const step = this.#nextStep(slot, startedMs, nowMs);
      if (step !== undefined) found.push({ step, age, slot, gateway, ticket, ranMs });
    });
    return found;
  }

  /** Whether the thread of this slot is still on the request that it was lost with. */
  isLost(slot: number, record: SlotRecord): boolean {
    const known = this.#known.get(slot);
    return isBusy(record) && known?.startedMs === record.startedMs && known.isLost;
  }

  #nextStep(slot: number, startedMs: number, nowMs: number): "interrupt" | "lose" | undefined {
    const known = this.#known.get(slot);
    if (known?.startedMs !== startedMs) {
      this.#known.set(slot, { startedMs, interruptedMs: nowMs, isLost: false });
      return "interrupt";
    }
    if (known.isLost || nowMs - known.interruptedMs <= INTERRUPT_GRACE_MS) return undefined;
    known.isLost = true;
    return "lose";
  }
}
