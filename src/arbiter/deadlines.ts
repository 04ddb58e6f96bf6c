/**
 * Finds requests that run past their deadlines, on the scoreboard, and says how far to go with each. There is no heartbeat: what
 * counts is how long a thread is on its request, and when its response last moved on.
 *
 *   overdue ──▶ interrupt: 504, stacks, RequestTimeout ──still on it after a grace──▶ lose: its worker will be killed
 *
 * Rules (docs/decisions/0025-what-timeout-means.md): time in which the thread waits for its gateway to take more of the response is
 * a slow client's, and does not count. Neither does time in which the arbiter itself did not run: then perhaps nobody did.
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

/** Of a worker's requests, ms; 0 for no limit. */
export interface Limits {
  /** The whole request. */
  readonly totalMs: number;
  /** Until the head of the response, and then from one progress of its body to the next. */
  readonly progressMs: number;
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
  progressMs: number;
  /** What does not count: of all its time, and since the last progress. */
  spared: number;
  sparedSinceProgress: number;
  interruptedMs: number;
  isLost: boolean;
}

/** A look that comes so much later than it should was kept waiting with everything else, ms: nobody loses by it. */
const LATE_MS = 2 * LOOK_MS;

export class Deadlines {
  /** By slot. */
  readonly #known: (Known | undefined)[] = [];
  #lookedMs = Number.NaN;

  /**
   * Each request is named at most once for each step. `limits` of the worker of this age.
   *
   * One that was not there at the look before cannot be overdue.
   */
  overdue(slots: readonly SlotRecord[], limits: (age: number) => Limits, nowMs: number): Overdue[] {
    const sinceMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    const stoppedMs = sinceMs > LATE_MS ? sinceMs - LOOK_MS : 0;
    const found: Overdue[] = [];
    slots.forEach((record, slot) => {
      const { age, gateway, ticket, startedMs } = record;
      const isAtWork = age !== 0 && isBusy(record);
      const known = this.#known[slot];
      if (!isAtWork || known?.startedMs !== startedMs) {
        this.#known[slot] = isAtWork ? newlyKnown(record) : undefined;
        return;
      }
      spare(known, record, isWaiting(record) ? sinceMs : stoppedMs);
      if (!isPast(known, record, limits(age), nowMs)) return;
      const step = nextStep(known, nowMs);
      if (step !== undefined) found.push({ step, age, slot, gateway, ticket, ranMs: nowMs - startedMs });
    });
    return found;
  }

  /** Whether the thread of this slot is still on the request that it was lost with. */
  isLost(slot: number, record: SlotRecord): boolean {
    const known = this.#known[slot];
    return isBusy(record) && known?.startedMs === record.startedMs && known.isLost;
  }
}

function newlyKnown({ startedMs, progressMs }: SlotRecord): Known {
  return {
    startedMs,
    progressMs,
    spared: 0,
    sparedSinceProgress: 0,
    interruptedMs: Number.NaN,
    isLost: false,
  };
}

/** For the gateway to take more of the response. */
function isWaiting({ startedMs, progressMs }: SlotRecord): boolean {
  return progressMs === -startedMs;
}

function spare(known: Known, { progressMs }: SlotRecord, ms: number): void {
  known.spared += ms;
  // What was spared lies before a progress that has come meanwhile.
  if (progressMs === known.progressMs) known.sparedSinceProgress += ms;
  else known.sparedSinceProgress = 0;
  known.progressMs = progressMs;
}

function isPast(known: Known, record: SlotRecord, { totalMs, progressMs }: Limits, nowMs: number): boolean {
  // What has begun to end, ends.
  if (!Number.isNaN(known.interruptedMs)) return true;
  if (isWaiting(record)) return false;
  const { startedMs } = known;
  const sinceProgressMs = nowMs - Math.max(startedMs, record.progressMs) - known.sparedSinceProgress;
  return (
    (totalMs > 0 && nowMs - startedMs - known.spared > totalMs) ||
    (progressMs > 0 && sinceProgressMs > progressMs)
  );
}

function nextStep(known: Known, nowMs: number): "interrupt" | "lose" | undefined {
  if (Number.isNaN(known.interruptedMs)) {
    known.interruptedMs = nowMs;
    return "interrupt";
  }
  if (known.isLost || nowMs - known.interruptedMs <= INTERRUPT_GRACE_MS) return undefined;
  known.isLost = true;
  return "lose";
}
