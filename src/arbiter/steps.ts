/**
 * The steps of a start, for the line that tells which one failed and how long each took.
 *
 * Pure: no I/O.
 *
 * Runs in: arbiter.
 */

export type Step =
  /** Python itself, with Tunicorn's package. */
  | "interpreter"
  | "configuration file"
  | "bind"
  /** The zygote: user, logs, hooks. */
  | "preparation"
  | "fork"
  /** Of the application, and finding the callable in it. */
  | "import";

export class Steps {
  readonly #taken: string[] = [];
  #current: { readonly step: Step; readonly beganMs: number } | null = null;

  /** Ends the step before. */
  begin(step: Step, nowMs = performance.now()): void {
    this.end(nowMs);
    this.#current = { step, beganMs: nowMs };
  }

  /** Between two steps nothing is waited for. */
  end(nowMs = performance.now()): void {
    if (this.#current === null) return;
    const { step, beganMs } = this.#current;
    this.#taken.push(`${step} ${((nowMs - beganMs) / 1e3).toFixed(2)} s`);
    this.#current = null;
  }

  /** `step import (interpreter 0.04 s, bind 0.00 s, import 1.20 s)`; empty when no step is going on. To be called once. */
  failed(nowMs = performance.now()): string {
    if (this.#current === null) return "";
    const { step } = this.#current;
    this.end(nowMs);
    return `step ${step} (${this.#taken.join(", ")})`;
  }
}
