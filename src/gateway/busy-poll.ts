/**
 * Stays awake for a moment when the next event is due: the reply to the one request in work, or the client's next request
 * when a reply has just gone out. To fall asleep and be woken takes longer than a small request, most of all on virtual machines
 * (decision 12).
 *
 * Rules: only while each request in work has a processor of its own beside the gateway's, so that no worker waits for
 * what is only waiting here; never longer than `limitMs`; and what has not come in time lately is waited for ever more seldom.
 *
 * Runs in: gateway.
 */
import { monotonicMs } from "./clock.ts";

/** At most so many chances are let pass between two tries. */
const MOST_PAUSE = 255;

/** Of one kind of event: how much waiting awake for it has paid lately. */
class Expectation {
  #misses = 0;
  /** Chances that are still to be let pass. */
  #pause = 0;

  isWorthwhile(): boolean {
    if (this.#pause === 0) return true;
    this.#pause--;
    return false;
  }

  met(): void {
    this.#misses >>= 1;
  }

  missed(): void {
    this.#misses = Math.min(MOST_PAUSE, this.#misses * 2 + 1);
    this.#pause = this.#misses;
  }
}

export class BusyPoll {
  readonly #limitMs: number;
  readonly #mostInWork: number;
  readonly #reply = new Expectation();
  readonly #request = new Expectation();
  #awaited: Expectation | null = null;
  #untilMs = 0;
  #isPolling = false;

  /** `limitMs`: 0 for never. `spareProcessors`: those that are not the gateways'. */
  constructor(limitMs: number, spareProcessors: number) {
    this.#limitMs = limitMs;
    this.#mostInWork = limitMs > 0 ? spareProcessors : 0;
  }

  /** Whether something is waited for. */
  get isAwake(): boolean {
    return this.#isPolling;
  }

  /** A request has come or a reply has gone out. `inWork`: requests that workers have or that wait for one. */
  next(inWork: number): void {
    this.#awaited?.met();
    this.#awaited = null;
    if (inWork > this.#mostInWork || this.#mostInWork <= 0) return;
    const due = inWork > 0 ? this.#reply : this.#request;
    if (!due.isWorthwhile()) return;
    this.#awaited = due;
    this.#untilMs = monotonicMs() + this.#limitMs;
    if (this.#isPolling) return;
    this.#isPolling = true;
    setImmediate(this.#poll);
  }

  /** While there is an immediate to run, the event loop looks for events without falling asleep. */
  readonly #poll = (): void => {
    if (this.#awaited !== null && monotonicMs() < this.#untilMs) {
      setImmediate(this.#poll);
      return;
    }
    this.#isPolling = false;
    this.#awaited?.missed();
    this.#awaited = null;
  };
}
