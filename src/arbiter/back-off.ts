/**
 * The pause before workers or a zygote that did not come up are started again: doubled each time, until one succeeds.
 * Several that fail in the same pause count once.
 *
 * Runs in: arbiter.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class BackOff {
  #pauseMs = 0;
  #isWaiting = false;

  /** While this is so, nothing of the kind is started for any other reason either. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** It came up. */
  reset(): void {
    this.#pauseMs = 0;
  }

  /** It failed: calls back after the pause, unless a pause is running already. */
  failed(retry: () => void): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2), LONGEST_PAUSE_MS);
    setTimeout(() => {
      this.#isWaiting = false;
      retry();
    }, this.#pauseMs);
  }
}
