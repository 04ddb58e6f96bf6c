/**
 * Log lines of one kind that a client or a disk can cause at any rate: one a second, and how many there were besides.
 *
 * Runs in: gateway.
 */

/** ms */
const PERIOD_MS = 1000;

export class RateLimited {
  readonly #write: (message: string) => void;
  readonly #summary: (count: number) => string;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #unwritten = 0;

  /** `summary`: the line for those that were not written. */
  constructor(write: (message: string) => void, summary: (count: number) => string) {
    this.#write = write;
    this.#summary = summary;
  }

  /** The first one of a second is written at once. `nowMs` is monotonic. */
  log(nowMs: number, message: string): void {
    if (nowMs - this.#writtenMs < PERIOD_MS || this.#unwritten > 0) {
      this.#unwritten++;
      return;
    }
    this.#writtenMs = nowMs;
    this.#write(message);
  }

  /** To be called now and then: writes how many more there were, once the second is over. */
  sweep(nowMs: number): void {
    if (this.#unwritten === 0 || nowMs - this.#writtenMs < PERIOD_MS) return;
    this.#writtenMs = nowMs;
    this.flush();
  }

  /** Before the process ends. */
  flush(): void {
    const count = this.#unwritten;
    this.#unwritten = 0;
    if (count > 0) this.#write(this.#summary(count));
  }
}
