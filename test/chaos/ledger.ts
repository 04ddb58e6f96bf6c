/**
 * What was asked, what came back, which processes died, and what of it the promises (round.ts) allow.
 *
 * Pure: no I/O.
 */
export type Kind =
  | "quick"
  | "work"
  | "leak"
  | "upload"
  | "stream"
  | "large"
  | "fork"
  | "chatter"
  | "die"
  | "hold"
  | "garbage"
  | "stuck";

/** The worker that is asked for one of these does not survive it. */
const FATAL: ReadonlySet<Kind> = new Set(["die", "hold", "garbage"]);

/**
 * "right": 200, and the answer to this request. "wrong": 200, and not that. A number: another status. "cut": it ended before
 * it was complete. "none": the connection ended without an answer. "refused": there was no connection.
 * "left": the client went, and takes no interest.
 */
export type Outcome = "right" | "wrong" | "cut" | "none" | "refused" | "left" | number;

export interface Asked {
  readonly id: number;
  readonly kind: Kind;
  /** When its connection was begun, which may have carried others before; `performance.now()`. */
  readonly connectedMs: number;
  readonly sentMs: number;
  /** The connection had been idle since; -1 when this was the first request on it. */
  readonly idleSinceMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
  /** For people: what came instead. */
  readonly detail?: string;
}

/** A time in which something may fail. It ends when the fault is mended. */
interface Span {
  readonly beganMs: number;
  endedMs: number;
}

/** A line of the application's journal. */
export interface Started {
  readonly id: number;
  readonly pid: number;
}

/** Replies of one worker that may be lost behind its garbage. */
const BEHIND_GARBAGE = 20;

/** With some tolerance. */
const LEAST_DRAIN_IDLE_MS = 150;

export class Ledger {
  readonly #asked: Asked[] = [];
  readonly #deadWorkers = new Set<number>();
  readonly #frozen = new Set<number>();
  readonly #lostGateways: Span[] = [];
  readonly #fullDisks: Span[] = [];
  readonly #delays: Span[] = [];
  readonly #complaints: string[] = [];
  #stopMs = Number.POSITIVE_INFINITY;
  #lastId = 0;

  nextId(): number {
    return ++this.#lastId;
  }

  note(asked: Asked): void {
    this.#asked.push(asked);
  }

  get count(): number {
    return this.#asked.length;
  }

  get failures(): number {
    return this.#asked.filter(({ outcome }) => outcome !== "right" && outcome !== "left").length;
  }

  complain(text: string): void {
    this.#complaints.push(text);
  }

  // -- faults -----------------------------------------------------------------------------------------------

  workerKilled(pid: number): void {
    this.#deadWorkers.add(pid);
  }

  /** For longer than `timeout`: it will be killed. */
  workerFrozen(pid: number): void {
    this.#deadWorkers.add(pid);
    this.#frozen.add(pid);
  }

  isDead(pid: number): boolean {
    return this.#deadWorkers.has(pid);
  }

  /** To be called before it is killed; the returned function when it is gone. */
  gatewayKilled(): () => void {
    return begin(this.#lostGateways);
  }

  diskFull(): () => void {
    return begin(this.#fullDisks);
  }

  /** It was we ourselves who did nothing for so long. */
  delayed(forMs: number): void {
    const endedMs = performance.now();
    this.#delays.push({
      beganMs: endedMs - forMs - LEAST_DRAIN_IDLE_MS,
      endedMs: endedMs + LEAST_DRAIN_IDLE_MS,
    });
  }

  /** TERM is sent: who asks from now on may be refused. */
  stopped(): void {
    this.#stopMs = performance.now();
  }

  // -- judgement --------------------------------------------------------------------------------------------

  /** What was promised and not kept; empty when all is well. `threads` of a worker. */
  violations(journal: readonly Started[], threads: number): string[] {
    const starts = new Map<number, number[]>();
    for (const { id, pid } of journal) starts.set(id, [...(starts.get(id) ?? []), pid]);
    const violations = [...this.#complaints];
    for (const asked of this.#asked) {
      const pids = starts.get(asked.id) ?? [];
      if (FATAL.has(asked.kind)) for (const pid of pids) this.#deadWorkers.add(pid);
    }
    for (const asked of this.#asked) {
      const pids = starts.get(asked.id) ?? [];
      const problem = this.#maybeProblem(asked, pids);
      if (problem !== undefined) violations.push(describe(asked, pids, problem));
    }
    return [...violations, ...this.#overspent(starts, threads)];
  }

  #maybeProblem(asked: Asked, pids: readonly number[]): string | undefined {
    const { kind, outcome } = asked;
    if (pids.length > 1) return "was executed more than once";
    const [pid] = pids;
    switch (outcome) {
      case "left":
        return undefined;
      case "right":
        if (pid === undefined) return "was answered and never executed";
        return FATAL.has(kind) || kind === "stuck" ? "cannot have ended" : undefined;
      case "wrong":
        return "got the answer to another request";
      case "none":
        return this.#wasWith(this.#lostGateways, asked) ||
          this.#wasAfterStop(asked) ||
          (pid === undefined && this.#wasLate(asked))
          ? undefined
          : "got no answer, and no gateway was killed";
      case "refused":
        return this.#wasAfterStop(asked) ? undefined : "was refused";
      case "cut":
        return this.#wasWith(this.#lostGateways, asked) || (pid !== undefined && this.isDead(pid))
          ? undefined
          : "was cut off, and neither its worker nor a gateway was killed";
      case 502:
        return pid === undefined || this.isDead(pid) ? undefined : "got 502, and its worker was not killed";
      case 504: {
        const isFrozen = pid === undefined ? this.#frozen.size > 0 : this.#frozen.has(pid);
        return kind === "stuck" || isFrozen ? undefined : "got 504, and was not past its time";
      }
      case 507:
        return kind === "upload" && this.#wasWith(this.#fullDisks, asked)
          ? undefined
          : "got 507, and the disk was not full";
      default:
        return "was not answered as it should be";
    }
  }

  /** A killed worker may cost what it was on, one request a thread, and nothing else. */
  #overspent(starts: ReadonlyMap<number, readonly number[]>, threads: number): string[] {
    const costs = new Map<number | undefined, number>();
    let total = 0;
    for (const { id, outcome, kind } of this.#asked) {
      if (outcome !== 502 && (outcome !== 504 || kind === "stuck")) continue;
      const pid = starts.get(id)?.[0];
      costs.set(pid, (costs.get(pid) ?? 0) + 1);
      total++;
    }
    // Behind garbage there may be right replies, which nobody reads any more.
    const garbled = new Set(
      this.#asked.filter(({ kind }) => kind === "garbage").flatMap(({ id }) => starts.get(id) ?? []),
    );
    const found = [...costs]
      .filter(([pid, cost]) => pid !== undefined && cost > threads && !garbled.has(pid))
      .map(([pid, cost]) => `the death of worker ${pid} cost ${cost} requests; it has ${threads} thread(s)`);
    const most = this.#deadWorkers.size * threads + garbled.size * BEHIND_GARBAGE;
    if (total > most) found.push(`${total} requests were lost with ${this.#deadWorkers.size} dead workers`);
    return found;
  }

  /** Begun on a connection from before the end of the fault, and over after its beginning. */
  #wasWith(spans: readonly Span[], { connectedMs, endedMs }: Asked): boolean {
    return spans.some((span) => connectedMs <= span.endedMs && endedMs >= span.beganMs);
  }

  /** A gateway that leaves closes what has been idle for 200 ms (RFC 9112 §9.3.1 tells clients to reckon with it). */
  #wasLate({ idleSinceMs, sentMs }: Asked): boolean {
    if (idleSinceMs < 0) return false;
    const ownDelay = this.#delays.some((span) => span.beganMs <= sentMs && span.endedMs >= idleSinceMs);
    return ownDelay || sentMs - idleSinceMs > LEAST_DRAIN_IDLE_MS;
  }

  #wasAfterStop({ sentMs }: Asked): boolean {
    return sentMs >= this.#stopMs;
  }
}

function begin(spans: Span[]): () => void {
  const span = { beganMs: performance.now(), endedMs: Number.POSITIVE_INFINITY };
  spans.push(span);
  return () => {
    span.endedMs = performance.now();
  };
}

function describe(asked: Asked, pids: readonly number[], problem: string): string {
  const { id, kind, outcome, detail = "" } = asked;
  const where = pids.length === 0 ? "not executed" : `executed by ${pids.join(" and ")}`;
  return `request ${id} (${kind}, at ${Math.round(asked.endedMs)} ms) ${problem}: ${outcome} ${detail} (${where})`;
}
