/**
 * Which workers have done enough: `max_requests`, `max_worker_lifetime`, `max_worker_memory`. Each is replaced before
 * it leaves, and only a share of the workers at the same moment.
 *
 * Pure: no I/O; memory is asked for only where there is a limit.
 *
 * Runs in: arbiter.
 */
import type { Settings } from "../settings/table.ts";
import type { Worker } from "./children.ts";

export type RetirementLimits = Pick<
  Settings,
  | "max_requests"
  | "max_requests_jitter"
  | "max_worker_lifetime"
  | "max_worker_lifetime_jitter"
  | "max_worker_memory"
>;

/** One of so many may be replaced at the same moment; at least one. */
const SHARE = 4;

/** What a worker has used up so far. */
export interface Use {
  readonly served: number;
  /** Bytes; undefined when it cannot be told. */
  readonly memory: () => number | undefined;
}

interface Limits {
  readonly requests: number;
  /** On the monotonic clock. */
  readonly endMs: number;
}

export interface Due {
  readonly worker: Worker;
  /** "has served 51 requests" */
  readonly reason: string;
}

export class Retirement {
  readonly #settings: RetirementLimits;
  readonly #random: () => number;
  /** By age; drawn when the worker is seen first. */
  #limits = new Map<number, Limits>();

  constructor(settings: RetirementLimits, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  get isEnabled(): boolean {
    const { max_requests, max_worker_lifetime, max_worker_memory } = this.#settings;
    return max_requests + max_worker_lifetime + max_worker_memory > 0;
  }

  /** `workers` claim requests, the oldest first; those that are being replaced already are among them. */
  due(workers: readonly Worker[], use: (worker: Worker) => Use, nowMs: number): Due[] {
    this.#limits = new Map(workers.map(({ age }) => [age, this.#limits.get(age) ?? this.#draw(nowMs)]));
    let room = Math.max(1, Math.floor(workers.length / SHARE));
    for (const { state } of workers) if (state === "replacing") room--;
    const due: Due[] = [];
    for (const worker of workers) {
      if (room <= 0) break;
      if (worker.state !== "ready") continue;
      const reason = this.#reason(worker, use(worker), nowMs);
      if (reason === undefined) continue;
      due.push({ worker, reason });
      room--;
    }
    return due;
  }

  #draw(nowMs: number): Limits {
    const { max_requests, max_requests_jitter, max_worker_lifetime, max_worker_lifetime_jitter } =
      this.#settings;
    const lifetime = max_worker_lifetime + this.#random() * max_worker_lifetime_jitter;
    return {
      requests: max_requests + Math.floor(this.#random() * (max_requests_jitter + 1)),
      endMs: max_worker_lifetime === 0 ? Number.POSITIVE_INFINITY : nowMs + lifetime * 1e3,
    };
  }

  #reason(worker: Worker, { served, memory }: Use, nowMs: number): string | undefined {
    const { max_requests, max_worker_memory } = this.#settings;
    const limits = this.#limits.get(worker.age);
    if (limits === undefined) return undefined;
    if (max_requests > 0 && served >= limits.requests) return `has served ${served} requests`;
    if (nowMs >= limits.endMs) return "has reached max_worker_lifetime";
    // One that is too large from the start is not replaced before it was of any use.
    if (max_worker_memory === 0 || served === 0) return undefined;
    const bytes = memory();
    if (bytes === undefined || bytes <= max_worker_memory) return undefined;
    return `uses ${Math.round(bytes / 2 ** 20)} MiB of memory`;
  }
}
