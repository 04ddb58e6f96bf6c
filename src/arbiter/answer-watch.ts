/**
 * Whether a gateway still answers. It is asked about twice a second; one that says nothing for too long hangs: it was stopped, or
 * is in an endless loop, and its clients get nothing from it any more.
 *
 * Rules: only time in which the arbiter itself ran counts (running-clock.ts). A gateway that starts has more time until its first
 * word: it has to load its code, perhaps on a machine that is busy with starting everything else too.
 *
 * Pure: no I/O. Runs in: arbiter.
 */

/** Between two looks, ms. */
export const ASK_MS = 500;
/** Until the first word, ms. */
const BOOT_MS = 30_000;
/** No gateway may hang for longer, ms. */
const LONGEST_SILENCE_MS = 10_000;

/** `timeout` in seconds; 0 is none. */
export function silenceLimitMs(timeout: number): number {
  return timeout > 0 ? Math.min(timeout * 1e3, LONGEST_SILENCE_MS) : LONGEST_SILENCE_MS;
}

export class AnswerWatch {
  #silentMs = 0;
  #isAsked = false;
  #hasSpoken = false;

  /** It has said something. */
  heard(): void {
    this.#hasSpoken = true;
    this.#silentMs = 0;
    this.#isAsked = false;
  }

  /** Nobody ran for a while: the silence begins now. */
  excuse(): void {
    this.#silentMs = 0;
  }

  /** `ranMs`: how long the arbiter ran since the look before. "ask": it is to be asked now; "hangs": it is to be killed. */
  look(ranMs: number, limitMs: number): "ask" | "wait" | "hangs" {
    this.#silentMs += ranMs;
    if (this.#silentMs > (this.#hasSpoken ? limitMs : BOOT_MS)) return "hangs";
    if (this.#isAsked) return "wait";
    this.#isAsked = true;
    return "ask";
  }

  /** Seconds, for people. */
  get silence(): number {
    return Math.round(this.#silentMs / 1e3);
  }
}
