/**
 * The registry of workers: which there are, in which state (worker-states.ts), on which slots of the scoreboard.
 *
 * Pure: no I/O, so that every rule here is tested without a process. A worker is known by its age, which is never used
 * twice, before it has a pid.
 *
 * Runs in: arbiter.
 */
import { TRANSITIONS, type WorkerAction, type WorkerEvent, type WorkerState } from "./worker-states.ts";

export interface Worker {
  readonly age: number;
  readonly generation: number;
  /** First of `threads` neighbouring slots. */
  readonly slot: number;
  readonly threads: number;
  /** 0 while it is being forked. */
  pid: number;
  state: WorkerState;
  /** Whether it has ever been ready: one that has not failed to boot. */
  hasBooted: boolean;
}

/** Whether it claims tickets. */
export function isClaiming({ state }: Worker): boolean {
  return state === "ready" || state === "replacing";
}

export class Children {
  readonly #workers = new Map<number, Worker>();
  readonly #slotTaken: Uint8Array;
  #lastAge = 0;

  constructor(slots: number) {
    this.#slotTaken = new Uint8Array(slots);
  }

  /** A new worker, about to be forked. Null when the scoreboard has no room for it. */
  maybeAdd(generation: number, threads: number): Worker | null {
    const slot = this.#findSlots(threads);
    if (slot < 0) return null;
    this.#slotTaken.fill(1, slot, slot + threads);
    const age = ++this.#lastAge;
    const worker: Worker = { age, generation, slot, threads, pid: 0, state: "forking", hasBooted: false };
    this.#workers.set(age, worker);
    return worker;
  }

  forked(age: number, pid: number): readonly WorkerAction[] {
    const worker = this.#workers.get(age);
    // With --preload the application can write reports too.
    if (worker === undefined || worker.pid !== 0) return [];
    worker.pid = pid;
    return this.happened(worker, "forked");
  }

  /** Moves the worker to its next state, and says what is to be done now. One that is gone is off the registry. */
  happened(worker: Worker, event: WorkerEvent): readonly WorkerAction[] {
    const transition = TRANSITIONS[worker.state][event];
    if (transition === undefined) return [];
    if (transition.to === "gone") this.remove(worker);
    else worker.state = transition.to;
    return transition.actions;
  }

  ready(pid: number): Worker | undefined {
    const worker = this.byPid(pid);
    if (worker === undefined) return undefined;
    // One that is retiring already has booted too, and may have claimed a request before it saw the order.
    worker.hasBooted = true;
    this.happened(worker, "booted");
    return worker;
  }

  remove(worker: Worker): void {
    this.#workers.delete(worker.age);
    this.#slotTaken.fill(0, worker.slot, worker.slot + worker.threads);
  }

  byPid(pid: number): Worker | undefined {
    for (const worker of this.#workers.values()) if (worker.pid === pid) return worker;
    return undefined;
  }

  byAge(age: number): Worker | undefined {
    return this.#workers.get(age);
  }

  /** Whether what this slot says comes from the worker that it names. */
  owns(slot: number, { age, pid }: { readonly age: number; readonly pid: number }): boolean {
    const worker = this.#workers.get(age);
    return worker?.pid === pid && slot >= worker.slot && slot < worker.slot + worker.threads;
  }

  /** Oldest first. */
  of(generation: number, ...states: WorkerState[]): Worker[] {
    return [...this.#workers.values()].filter(
      (worker) => worker.generation === generation && (states.length === 0 || states.includes(worker.state)),
    );
  }

  all(): Worker[] {
    return [...this.#workers.values()];
  }

  /** How many there have ever been. */
  get everAdded(): number {
    return this.#lastAge;
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Threads that claim tickets now. */
  get capacity(): number {
    let threads = 0;
    for (const worker of this.#workers.values()) if (isClaiming(worker)) threads += worker.threads;
    return threads;
  }

  /** Slots from the first to the last one taken. */
  get slotsInUse(): number {
    return this.#slotTaken.lastIndexOf(1) + 1;
  }

  /** How many more workers with so many threads the scoreboard has room for. */
  roomFor(threads: number): number {
    let room = 0;
    for (let slot = this.#findSlots(threads); slot >= 0; slot = this.#findSlots(threads, slot + threads))
      room++;
    return room;
  }

  /** The first of so many free slots side by side, from `start` on; -1 when there are none. */
  #findSlots(count: number, start = 0): number {
    let run = 0;
    for (let slot = start; slot < this.#slotTaken.length; slot++) {
      run = this.#slotTaken[slot] === 0 ? run + 1 : 0;
      if (run === count) return slot - count + 1;
    }
    return -1;
  }
}
