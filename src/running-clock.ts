/**
 * The time in which this process itself ran. When a whole process group is stopped and continued, or a machine sleeps, nobody
 * has had time to do anything, so no deadline may be over because of it.
 *
 * A look that comes much later than it should says that the process did not run in between.
 *
 * Pure: no I/O. Runs in: arbiter, gateway.
 */

/** A look that is this late has been stopped, not only kept waiting by a busy machine, ms. */
export const STOPPED_MS = 1000;
/** Earlier stops are forgotten; their time counts again for what began before them. */
const MAX_STOPS = 64;

interface Stop {
  readonly endMs: number;
  readonly lengthMs: number;
}

export class RunningClock {
  readonly #intervalMs: number;
  readonly #stops: Stop[] = [];
  #forgottenMs = 0;
  #lastMs: number;

  /** `intervalMs`: between two looks. Times are those of one monotonic clock, ms. */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#lastMs = nowMs;
  }

  /** To be called at each look. Returns for how long the process was stopped since the look before, ms. */
  look(nowMs: number): number {
    const lateMs = nowMs - this.#lastMs - this.#intervalMs;
    this.#lastMs = nowMs;
    if (lateMs < STOPPED_MS) return 0;
    this.#stops.push({ endMs: nowMs, lengthMs: lateMs });
    if (this.#stops.length > MAX_STOPS) this.#forgottenMs += this.#stops.shift()?.lengthMs ?? 0;
    return lateMs;
  }

  /** A moment, up to now, on a clock that stands still while the process is stopped. */
  toRunning(ms: number): number {
    let stoppedMs = this.#forgottenMs;
    for (const { endMs, lengthMs } of this.#stops) if (endMs <= ms) stoppedMs += lengthMs;
    return ms - stoppedMs;
  }
}
