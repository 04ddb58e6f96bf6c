/**
 * Finds workers with threads whose main thread does not run any more, although `timeout` has passed: one thread holds Python's lock
 * for good, or the process is stopped. That is what `timeout` means to Gunicorn's threaded workers.
 *
 *   silent ──▶ tell: the log, stacks ──a look later──▶ abort ──a grace later──▶ kill
 *
 * Rules: silence is counted from look to look, and a look that comes late counts as one that came in time. So only time in which the
 * arbiter itself ran counts. A worker that was told of is ended, even if it runs again.
 *
 * Pure: no I/O.
 *
 * Runs in: arbiter.
 */
import { LOOK_MS } from "./deadlines.ts";

/** How long a worker may take for its `worker_abort` hook, ms. */
export const ABORT_GRACE_MS = 1000;

/** A worker that claims requests. */
export interface Sign {
  readonly age: number;
  /** When its main thread last ran; 0: it does not say. */
  readonly aliveMs: number;
  /** 0: it may be silent for ever. */
  readonly timeoutMs: number;
}

export interface Silence {
  readonly step: "tell" | "abort" | "kill";
  readonly age: number;
}

interface Known {
  aliveMs: number;
  silentMs: number;
  /** Since it was aborted; NaN before. */
  abortedMs: number;
  isTold: boolean;
}

export class Liveness {
  /** By age. */
  readonly #known = new Map<number, Known>();
  #lookedMs = Number.NaN;

  /** `signs` are of all workers whose silence matters; of one that was told of, until it is gone. */
  look(signs: readonly Sign[], nowMs: number): Silence[] {
    const sinceMs = Math.min(nowMs - this.#lookedMs, LOOK_MS);
    this.#lookedMs = nowMs;
    const found: Silence[] = [];
    for (const { age, aliveMs, timeoutMs } of signs) {
      const known = this.#known.get(age);
      if (known === undefined) {
        this.#known.set(age, { aliveMs, silentMs: 0, abortedMs: Number.NaN, isTold: false });
        continue;
      }
      const step = nextStep(known, aliveMs, timeoutMs, sinceMs);
      if (step !== undefined) found.push({ step, age });
    }
    return found;
  }

  /** It is to be ended, so it is not looked at as others are. */
  isTold(age: number): boolean {
    return this.#known.get(age)?.isTold === true;
  }

  forget(age: number): void {
    this.#known.delete(age);
  }
}

function nextStep(
  known: Known,
  aliveMs: number,
  timeoutMs: number,
  sinceMs: number,
): Silence["step"] | undefined {
  if (known.isTold) return nextOfTold(known, sinceMs);
  known.silentMs = aliveMs === known.aliveMs ? known.silentMs + sinceMs : 0;
  known.aliveMs = aliveMs;
  if (timeoutMs === 0 || aliveMs === 0 || known.silentMs <= timeoutMs) return undefined;
  known.isTold = true;
  return "tell";
}

function nextOfTold(known: Known, sinceMs: number): "abort" | "kill" | undefined {
  if (Number.isNaN(known.abortedMs)) {
    known.abortedMs = 0;
    return "abort";
  }
  known.abortedMs += sinceMs;
  return known.abortedMs > ABORT_GRACE_MS ? "kill" : undefined;
}
