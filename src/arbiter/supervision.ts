/**
 * Looks at all workers now and then, and acts on what it sees: requests past their deadline (deadlines.ts), workers that run no
 * more (liveness.ts), workers past `boot_timeout`, workers that have done enough (retirement.ts), that claim no more although
 * nobody has told them to, that do not leave. What the stacks show goes into the error log, a block for each worker.
 *
 * Runs in: arbiter.
 */
import type { ErrorLog } from "../logging/error-log.ts";
import { SLOT_RETIRING } from "../queue/layout.ts";
import { isBusy, type ScoreboardReader, type SlotRecord } from "../queue/scoreboard.ts";
import { RunningClock } from "../running-clock.ts";
import { type Children, isClaiming, type Worker } from "./children.ts";
import { Deadlines, type Limits, LOOK_MS, monotonicMs, type Overdue } from "./deadlines.ts";
import type { Gateways } from "./gateways.ts";
import type { Generation } from "./generation.ts";
import { ABORT_GRACE_MS, Liveness } from "./liveness.ts";
import { removeStacks, type StacksPlace, takeStacks } from "./stacks.ts";
import { maybeMemory } from "./worker-memory.ts";

export interface Supervised {
  readonly children: Children;
  readonly scoreboard: () => ScoreboardReader;
  readonly gateways: Gateways;
  readonly log: ErrorLog;
  /** Where a worker writes its stacks. */
  readonly stacksPlace: (worker: Worker) => StacksPlace;
  readonly generation: (number: number) => Generation | undefined;
  /** The one whose workers may be replaced; null while it has other worries. */
  readonly serving: () => Generation | null;
  /** What leaves is not replaced. */
  readonly isStopping: () => boolean;
  /** `who` was told to leave, has had so long for it, s, and is killed. */
  readonly onOverstayed: (who: string, graceSeconds: number) => void;
}

interface Boot {
  readonly beganMs: number;
  isOver: boolean;
}

export class Supervision {
  readonly #all: Supervised;
  readonly #clock = new RunningClock(LOOK_MS, monotonicMs());
  readonly #deadlines = new Deadlines();
  readonly #liveness = new Liveness();
  /** By age: whose stacks are to come, and what the log says before them. */
  readonly #awaitedStacks = new Map<number, string>();
  readonly #boots = new Map<number, Boot>();
  /** By age: when a lost worker was asked to leave, for its `worker_abort` hook and its `atexit`. */
  readonly #aborted = new Map<number, number>();
  /** By age: since when a worker is retiring; infinite once it was killed for it. */
  readonly #retiring = new Map<number, number>();
  /** Ages of those that were seen to leave by themselves, or to ask for it. */
  #leaving = new Set<number>();

  constructor(supervised: Supervised) {
    this.#all = supervised;
  }

  look(): void {
    const monotonic = monotonicMs();
    this.#clock.look(monotonic);
    const nowMs = this.#clock.toRunning(monotonic);
    const slots = this.#readSlots();
    // In this order, so that what is ordered in one look has come by the next.
    for (const worker of this.#all.children.all()) this.#logStacks(worker);
    this.#endLost(slots, nowMs);
    this.#replaceThoseThatLeave(slots);
    this.#keepRetirementDeadlines(nowMs);
    this.#keepRequestDeadlines(slots, nowMs);
    this.#endSilent(slots, nowMs);
    this.#keepBootDeadlines(nowMs);
    this.#replace(slots, nowMs);
  }

  /**
   * Times are those of a clock that stands still while the instance is stopped (running-clock.ts). A slot that names a worker
   * which is not on it counts as free: any process of the workers' user can write there.
   */
  #readSlots(): readonly SlotRecord[] {
    const { children } = this.#all;
    const slots = this.#all.scoreboard().read(0, children.slotsInUse);
    return slots.map((record, slot) => ({
      ...record,
      age: children.owns(slot, record) ? record.age : 0,
      startedMs: this.#clock.toRunning(record.startedMs),
    }));
  }

  /** The worker is gone. */
  forget(worker: Worker): void {
    this.#logStacks(worker);
    this.#awaitedStacks.delete(worker.age);
    this.#boots.delete(worker.age);
    this.#liveness.forget(worker.age);
    this.#aborted.delete(worker.age);
    this.#retiring.delete(worker.age);
    this.#attempt(worker, () => removeStacks(this.#all.stacksPlace(worker), worker.age));
  }

  // -- requests ---------------------------------------------------------------------------------------------

  #keepRequestDeadlines(slots: readonly SlotRecord[], nowMs: number): void {
    for (const overdue of this.#deadlines.overdue(slots, (age) => this.#limitsOf(age), nowMs)) {
      const worker = this.#all.children.byAge(overdue.age);
      const generation = worker && this.#all.generation(worker.generation);
      if (generation === undefined || worker === undefined) continue;
      if (overdue.step === "interrupt") this.#interrupt(generation, worker, overdue);
      else this.#lose(generation, worker);
    }
  }

  #interrupt(generation: Generation, worker: Worker, { slot, gateway, ticket, ranMs }: Overdue): void {
    const { pid } = worker;
    this.#all.gateways.orderOne(gateway, { type: "time-out", ticket, pid, ranMs });
    this.#awaitedStacks.set(worker.age, "past timeout");
    generation.interrupt(worker, slot, gateway, ticket);
  }

  /** With threads the others' requests are worth more than the thread that is stuck: they finish first. */
  #lose(generation: Generation, worker: Worker): void {
    this.#all.log.critical(`WORKER TIMEOUT (pid:${worker.pid})`);
    if (this.#awaitedStacks.has(worker.age)) generation.writeStacks(worker);
    generation.lose(worker);
  }

  #endLost(slots: readonly SlotRecord[], nowMs: number): void {
    for (const worker of this.#all.children.all()) {
      if (worker.state !== "lost" || this.#liveness.isTold(worker.age)) continue;
      const abortedMs = this.#aborted.get(worker.age);
      if (abortedMs !== undefined) {
        if (nowMs - abortedMs > ABORT_GRACE_MS)
          this.#all.generation(worker.generation)?.signal(worker, "SIGKILL");
        continue;
      }
      const own = Array.from({ length: worker.threads }, (_, thread) => worker.slot + thread);
      const isDone = own.every((slot) => {
        const record = slots[slot];
        return record === undefined || !isBusy(record) || this.#deadlines.isLost(slot, record);
      });
      if (!isDone) continue;
      this.#aborted.set(worker.age, nowMs);
      this.#all.generation(worker.generation)?.signal(worker, "SIGABRT");
    }
  }

  // -- workers that do not run any more ---------------------------------------------------------------------

  #endSilent(slots: readonly SlotRecord[], nowMs: number): void {
    const signs = this.#all.children
      .all()
      .filter((worker) => isClaiming(worker) || this.#liveness.isTold(worker.age))
      .map(({ age, slot }) => ({
        age,
        aliveMs: slots[slot]?.age === age ? slots[slot].aliveMs : 0,
        timeoutMs: (this.#settingsOf(age)?.timeout ?? 0) * 1e3,
      }));
    for (const { step, age } of this.#liveness.look(signs, nowMs)) {
      const worker = this.#all.children.byAge(age);
      const generation = worker && this.#all.generation(worker.generation);
      if (worker === undefined || generation === undefined) continue;
      if (step === "tell") this.#tellSilent(generation, worker);
      else generation.signal(worker, step === "abort" ? "SIGABRT" : "SIGKILL");
    }
  }

  /** No request of it can finish, so another worker takes its place at once. */
  #tellSilent(generation: Generation, worker: Worker): void {
    this.#all.log.critical(`WORKER TIMEOUT (pid:${worker.pid})`);
    this.#awaitedStacks.set(worker.age, "whose main thread does not run");
    generation.writeStacks(worker);
    generation.lose(worker);
  }

  // -- boot -------------------------------------------------------------------------------------------------

  #keepBootDeadlines(nowMs: number): void {
    for (const worker of this.#all.children.all()) {
      const limitMs = (this.#settingsOf(worker.age)?.boot_timeout ?? 0) * 1e3;
      if (limitMs === 0 || worker.state !== "booting") continue;
      const boot = this.#boots.get(worker.age) ?? { beganMs: nowMs, isOver: false };
      this.#boots.set(worker.age, boot);
      const generation = this.#all.generation(worker.generation);
      if (boot.isOver) {
        generation?.signal(worker, "SIGKILL");
      } else if (nowMs - boot.beganMs > limitMs) {
        boot.isOver = true;
        this.#all.log.critical(`WORKER BOOT TIMEOUT (pid:${worker.pid})`);
        this.#awaitedStacks.set(worker.age, "that does not boot");
        generation?.writeStacks(worker);
      }
    }
  }

  // -- retirement -------------------------------------------------------------------------------------------

  #replace(slots: readonly SlotRecord[], nowMs: number): void {
    const generation = this.#all.serving();
    if (generation === null || !generation.retirement.isEnabled) return;
    const { max_worker_memory } = generation.loaded.settings;
    const use = (worker: Worker) => ({
      served: servedBy(worker, slots),
      memory: () => maybeMemory(worker.pid, max_worker_memory),
    });
    for (const { worker, reason } of generation.retirement.due(
      generation.workers.filter(isClaiming),
      use,
      nowMs,
    )) {
      this.#all.log.info(
        `Autorestarting worker after current request. Worker (pid:${worker.pid}) ${reason}; another takes its place first`,
      );
      generation.replace(worker);
    }
  }

  /**
   * One that was sent TERM asks to leave: another takes its place first. One that claims no more may take its time to leave, so it
   * is not waited for: its application has called sys.exit in a signal handler, or closed the queue. Seen twice, because a
   * signal may have come to the whole process group, and so to the arbiter too.
   */
  #replaceThoseThatLeave(slots: readonly SlotRecord[]): void {
    const before = this.#leaving;
    this.#leaving = new Set();
    if (this.#all.isStopping()) return;
    for (const worker of this.#all.children.all()) {
      const hasWithdrawn = isClaiming(worker) && isWithdrawn(worker, slots);
      if (!hasWithdrawn && !asksToRetire(worker, slots)) continue;
      if (!before.has(worker.age)) this.#leaving.add(worker.age);
      else if (hasWithdrawn) this.#replaceWithdrawn(worker);
      else this.#replaceAsking(worker);
    }
  }

  #replaceWithdrawn(worker: Worker): void {
    this.#all.log.info(`Worker (pid:${worker.pid}) claims no more requests; another takes its place`);
    this.#all.generation(worker.generation)?.withdrew(worker);
  }

  #replaceAsking(worker: Worker): void {
    this.#all.log.info(
      `Worker (pid:${worker.pid}) was told to leave by SIGTERM; another takes its place first`,
    );
    this.#all.generation(worker.generation)?.replace(worker);
  }

  #keepRetirementDeadlines(nowMs: number): void {
    for (const worker of this.#all.children.all()) {
      if (worker.state !== "retiring" || worker.pid === 0) continue;
      const sinceMs = this.#retiring.get(worker.age) ?? nowMs;
      this.#retiring.set(worker.age, sinceMs);
      const graceSeconds = this.#settingsOf(worker.age)?.graceful_timeout ?? 0;
      if (nowMs - sinceMs < graceSeconds * 1e3) continue;
      this.#retiring.set(worker.age, Number.POSITIVE_INFINITY);
      this.#all.onOverstayed(`Worker (pid:${worker.pid})`, graceSeconds);
      this.#all.generation(worker.generation)?.signal(worker, "SIGKILL");
    }
  }

  // -- stacks -----------------------------------------------------------------------------------------------

  #logStacks(worker: Worker): void {
    const { age, pid } = worker;
    const occasion = this.#awaitedStacks.get(age);
    if (occasion === undefined) return;
    const stacks = this.#attempt(worker, () => takeStacks(this.#all.stacksPlace(worker), age));
    if (stacks === "") return;
    this.#awaitedStacks.delete(age);
    if (stacks !== undefined) this.#all.log.error(`Stacks of worker (pid:${pid}) ${occasion}:\n${stacks}`);
  }

  /** The application may have put anything in the place of the file: that costs these stacks. */
  #attempt<T>({ pid }: Worker, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#all.log.error(`Stacks of worker (pid:${pid}) are lost: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** `timeout` bounds the requests of workers without threads, `request_timeout` those of all, and is `timeout` where it is not set. */
  #limitsOf(age: number): Limits {
    const worker = this.#all.children.byAge(age);
    const loaded = worker && this.#all.generation(worker.generation)?.loaded;
    if (loaded === undefined) return { totalMs: 0, progressMs: 0 };
    const { timeout, request_timeout } = loaded.settings;
    const totalMs = loaded.resolved.workerClass === "sync" ? timeout * 1e3 : 0;
    return { totalMs, progressMs: request_timeout === null ? totalMs : request_timeout * 1e3 };
  }

  #settingsOf(age: number): Generation["loaded"]["settings"] | undefined {
    const worker = this.#all.children.byAge(age);
    return worker && this.#all.generation(worker.generation)?.loaded.settings;
  }
}

function asksToRetire({ state, slot, age }: Worker, slots: readonly SlotRecord[]): boolean {
  const record = slots[slot];
  return state === "ready" && record?.age === age && record.asksToRetire;
}

function isWithdrawn(worker: Worker, slots: readonly SlotRecord[]): boolean {
  return slots
    .slice(worker.slot, worker.slot + worker.threads)
    .some(({ age, state }) => age === worker.age && state === SLOT_RETIRING);
}

function servedBy(worker: Worker, slots: readonly SlotRecord[]): number {
  let served = 0;
  for (let slot = worker.slot; slot < worker.slot + worker.threads; slot++) {
    const record = slots[slot];
    if (record?.age === worker.age) served += record.served;
  }
  return served;
}
