/**
 * One round of chaos: a server with several workers under steady load, a seeded sequence of faults, then a stop.
 *
 * What is promised, and checked:
 * 1. Every request gets exactly one answer, and it is the answer to that request.
 * 2. No request is executed twice, whatever dies.
 * 3. What fails, fails as documented: 502 or a cut answer for what a killed worker was on, at most one request for each of its
 *    threads; 504 for what is past `timeout`; 507 for a large body while the disk is full, read-only or without the spool
 *    directory; a lost connection only to a gateway that was killed. A worker that dies unasked, a refused connection, any
 *    other status: a fault.
 * 4. After each fault the server answers again, on every address, within LIVENESS_MS: generous, it is about liveness.
 * 5. Afterwards nothing has grown: descriptors, files of gateways that are gone, spooled bodies.
 * 6. TERM under load ends in exit code 0; what was asked before is answered; no process, directory, socket or file is left.
 *
 * The seed decides the server's settings, the faults, their order and their victims; the moments are the machine's. So a failure
 * is likely, not certain, to come again with its seed.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Address } from "../support/client.ts";
import { eventually } from "../support/wait.ts";
import { Random } from "../unit/random.ts";
import { FAULTS, type Fault, type Scene } from "./faults.ts";
import { Instance, isAlive, maybeDescriptorsOf, type Plan } from "./instance.ts";
import { Ledger } from "./ledger.ts";
import { Traffic } from "./traffic.ts";

const LIVENESS_MS = 60_000;
const WARM_UP_ANSWERS = 300;
const LONGEST_PAUSE_MS = 400;
const TICK_MS = 10;
/** Gateways that may be leaving at the same time. */
const MOST_LEAVING = 3;
const LONGEST_DELAY_MS = 50;
/** Fewer than the clients would need who are there at the same time, and enough to serve some of them. */
const FEW_DESCRIPTORS = 96;
/** Of which a second fault joins the first. */
const ONE_IN = 3;

export interface RoundOptions {
  readonly seed: number;
  readonly threads: number;
  readonly faults?: readonly Fault[];
  /** A file system that can be filled up, for large bodies. */
  readonly disk: string | null;
  /** Whether another step is to follow, after so many. */
  readonly goesOn: (steps: number) => boolean;
  readonly onStep?: (step: string, asked: number, failures: number) => void;
}

export interface RoundResult {
  readonly violations: readonly string[];
  /** With the times at which they began. */
  readonly steps: readonly string[];
  readonly asked: number;
  readonly failures: number;
  readonly log: string;
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const round = new Round(options);
  try {
    return await round.run();
  } finally {
    round.remove();
  }
}

class Round {
  readonly #options: RoundOptions;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #spool: string;
  readonly #instance: Instance;
  readonly #steps: string[] = [];
  readonly #faults: readonly Fault[];
  /** Yet to come before any comes again. */
  #waiting: Fault[] = [];

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#random = new Random(Math.imul(options.seed, 0x9e3779b1));
    this.#faults = options.faults ?? FAULTS;
    this.#spool = options.disk ?? mkdtempSync(join(tmpdir(), "chaos-spool-"));
    this.#instance = new Instance(planOf(options, this.#random), this.#spool);
  }

  remove(): void {
    this.#instance.remove();
    if (this.#options.disk === null) rmSync(this.#spool, { recursive: true, force: true });
  }

  async run(): Promise<RoundResult> {
    const ticker = this.#watchOurselves();
    try {
      await this.#faultsAndStop();
    } catch (error) {
      this.#ledger.complain((error as Error).stack ?? String(error));
    } finally {
      clearInterval(ticker);
    }
    const instance = this.#instance;
    return {
      violations: [
        ...this.#ledger.violations(instance.journal(), instance.plan.threads),
        ...unexpectedDeaths(instance.log.text, this.#ledger),
      ],
      steps: this.#steps,
      asked: this.#ledger.count,
      failures: this.#ledger.failures,
      log: instance.log.text,
    };
  }

  /** A client that gets no time of the machine is late, and a server may have given it up. */
  #watchOurselves(): NodeJS.Timeout {
    let lastMs = performance.now();
    return setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - lastMs > TICK_MS + LONGEST_DELAY_MS) this.#ledger.delayed(nowMs - lastMs);
      lastMs = nowMs;
    }, TICK_MS);
  }

  async #faultsAndStop(): Promise<void> {
    const addresses = await this.#instance.serves();
    const before = await this.#settled(addresses, 1);
    const traffic = new Traffic(addresses, this.#ledger, this.#options.seed);
    for (let nr = 0; this.#options.goesOn(nr); nr++) await this.#step(traffic, addresses);
    await traffic.stop();
    const after = await this.#settled(addresses, 2);
    for (const name of ["arbiter", "gateway", "worker"] as const) {
      // What a worker has of gateways that have left, it lets go when there is another.
      const stale = name === "worker" ? MOST_LEAVING * (this.#instance.plan.threads + 1) : 0;
      if (after[name] > before[name] + stale)
        this.#ledger.complain(
          `descriptors of ${name}: ${before[name]} before, ${after[name]} after: ${this.#describe(name)}`,
        );
    }
    await this.#stop(addresses);
  }

  // -- faults -----------------------------------------------------------------------------------------------

  async #step(traffic: Traffic, addresses: readonly Address[]): Promise<void> {
    const first = this.#next();
    const second = this.#random.below(ONE_IN) === 0 ? this.#next() : undefined;
    const isPair = second !== undefined && second.kind !== first.kind && !first.isAlone && !second.isAlone;
    const faults = isPair ? [first, second] : [first];
    const name = faults.map((fault) => fault.name).join(" + ");
    const scene: Scene = {
      instance: this.#instance,
      ledger: this.#ledger,
      traffic,
      random: this.#random,
      disk: this.#options.disk,
      spool: this.#spool,
    };
    this.#steps.push(`${Math.round(performance.now())} ms: ${name}`);
    this.#options.onStep?.(name, this.#ledger.count, this.#ledger.failures);
    await Promise.all(faults.map((fault) => fault.run(scene)));
    for (const address of addresses) {
      await eventually(async () => (await traffic.ask("quick", address)) === "right", LIVENESS_MS);
    }
    await pause(this.#random.below(LONGEST_PAUSE_MS));
  }

  #next(): Fault {
    if (this.#waiting.length === 0) this.#waiting = [...this.#faults];
    return this.#waiting.splice(this.#random.below(this.#waiting.length), 1)[0] as Fault;
  }

  // -- what is left -----------------------------------------------------------------------------------------

  /** Descriptors when a load has come and gone, so that everything that is opened once is open. */
  async #settled(addresses: readonly Address[], nr: number): Promise<Descriptors> {
    const traffic = new Traffic(addresses, this.#ledger, -nr);
    await eventually(() => traffic.answered > WARM_UP_ANSWERS && this.#areThreadsConnected(), LIVENESS_MS);
    await traffic.stop();
    const { plan } = this.#instance;
    const one = (): boolean => {
      const { gateways, zygotes, workers } = this.#instance.processes();
      const isWhole = workers.length >= 1 && workers.length <= plan.workers + 3;
      return gateways.length === 1 && zygotes.length === 1 && isWhole && this.#files().length === 2;
    };
    try {
      await eventually(one, LIVENESS_MS);
    } catch {
      this.#ledger.complain(
        `did not settle: ${JSON.stringify(this.#instance.processes())}, ${this.#files().join(", ")}`,
      );
    }
    return this.#leastDescriptors();
  }

  /** A thread connects when it claims its first ticket, and that it does is a matter of luck. */
  #areThreadsConnected(): boolean {
    const { threads } = this.#instance.plan;
    return this.#instance.processes().workers.every((pid) => socketsOf(pid) >= threads);
  }

  #describe(name: keyof Descriptors): string {
    const { gateways, workers } = this.#instance.processes();
    const pids = { arbiter: [this.#instance.arbiter], gateway: gateways, worker: workers }[name];
    return pids.map((pid) => `${pid} ${maybeDescriptorsOf(pid)?.toSorted().join(" ")}`).join("; ");
  }

  /** Of a gateway its arena and its socket; of a request its body. */
  #files(): readonly string[] {
    const spooled = readdirSync(this.#spool, { recursive: true, encoding: "utf8" });
    return [...this.#instance.filesInUse(), ...spooled.filter((name) => /\/\d+-\d+$/.test(name))];
  }

  /** Connections that clients have left are closed one by one: the least of some looks is what stays. */
  async #leastDescriptors(): Promise<Descriptors> {
    const least = { arbiter: 1e9, gateway: 1e9, worker: 1e9 };
    for (let look = 0; look < 10; look++) {
      const { gateways, workers } = this.#instance.processes();
      least.arbiter = Math.min(least.arbiter, mostOf([this.#instance.arbiter]));
      least.gateway = Math.min(least.gateway, mostOf(gateways) - this.#streams(workers));
      least.worker = Math.min(least.worker, mostOf(workers));
      await pause(100);
    }
    return least;
  }

  /** How many reply streams these workers have: one for each thread, but none in a worker that has just booted and claimed nothing. */
  #streams(workers: readonly number[]): number {
    const { threads } = this.#instance.plan;
    return workers.reduce((sum, pid) => sum + Math.min(threads, socketsOf(pid)), 0);
  }

  async #stop(addresses: readonly Address[]): Promise<void> {
    const traffic = new Traffic(addresses, this.#ledger, -3);
    await eventually(() => traffic.answered > WARM_UP_ANSWERS, LIVENESS_MS);
    const { arbiter, arbiters } = this.#instance;
    this.#ledger.stopped();
    process.kill(arbiter, "SIGTERM");
    await traffic.stop();
    await eventually(() => !isAlive(arbiter), LIVENESS_MS);
    // Of an arbiter that came by an upgrade only its parent would have heard the code, and that has left.
    const code = await this.#instance.exit;
    if (code !== 0) this.#ledger.complain(`exit code ${code} of arbiter ${arbiters[0]}`);
    const isClean = (): boolean => this.#remains().length === 0;
    await eventually(isClean, LIVENESS_MS).catch(() => {
      this.#ledger.complain(`left behind: ${this.#remains().join(", ")}`);
    });
  }

  #remains(): readonly string[] {
    return [...this.#instance.remains(), ...readdirSync(this.#spool)];
  }
}

interface Descriptors {
  readonly arbiter: number;
  readonly gateway: number;
  readonly worker: number;
}

/** Of one that has just left nothing is known. */
function mostOf(pids: readonly number[]): number {
  return Math.max(...pids.map((pid) => maybeDescriptorsOf(pid)?.length ?? Number.POSITIVE_INFINITY));
}

function socketsOf(pid: number): number {
  return (maybeDescriptorsOf(pid) ?? []).filter((name) => name.startsWith("socket:")).length;
}

function planOf({ threads }: RoundOptions, random: Random): Plan {
  return {
    threads,
    workers: random.between(2, 3),
    preload: random.below(2) === 0,
    timeout: 4,
    descriptors: random.pick([0, 0, FEW_DESCRIPTORS]),
    retirement: random.pick([
      "",
      "max_requests, max_requests_jitter = 150, 50",
      "max_worker_lifetime, max_worker_lifetime_jitter = 4, 2",
      "max_worker_memory = '45M'",
    ]),
  };
}

/** Workers that died without being killed, or leaving. */
function unexpectedDeaths(log: string, ledger: Ledger): string[] {
  const lines = log
    .split("\n")
    .filter((line) => /Worker \(pid:\d+\) (was sent SIG|exited with code)/.test(line));
  return lines.filter((line) => {
    const pid = Number(/pid:(\d+)/.exec(line)?.[1]);
    return !ledger.isDead(pid) && !/exited with code 3|SIGTERM/.test(line);
  });
}
