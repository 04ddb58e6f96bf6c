/**
 * The gateways: starts them, gives them the listeners and the queue, and starts one that died again.
 *
 * Runs in: arbiter.
 */
import type { ErrorLog } from "../logging/error-log.ts";
import type { LogSettings } from "../logging/log-settings.ts";
import type { GatewayOrder, GatewayReport, GatewaySettings } from "../queue/gateway-messages.ts";
import type { SlotRecord } from "../queue/scoreboard.ts";
import { GatewayProcess } from "./gateway-process.ts";
import type { Listener } from "./listeners.ts";
import type { RunDirectory } from "./run-directory.ts";

/** A gateway that died this soon after its start is started again only after as long, ms. */
const RESTART_PAUSE_MS = 1000;

/** As they were told. */
const LEFT = "exited with code 0";

/** How long a gateway may take to say what it is on, ms. */
const DESCRIBE_MS = 1000;

export interface GatewaysEvents {
  /** Every listener is open. Called for each gateway, also for one started again. */
  onListening(): void;
  /** One cannot listen, or died before it ever did: the start has failed. */
  onStartFailed(reason: string): void;
  /** All have left, as they were told. */
  onDrained(): void;
  /** All have left, and `resume` starts others. */
  onRested(): void;
}

interface Progress {
  /** How many of `listeners` it listens on. */
  listening: number;
  readonly listeners: readonly Listener[];
  readonly startedMs: number;
  /** It is told to leave, or will be once another one has taken its place. */
  isLeaving: boolean;
  /** Runs once it is told to leave: its clients have so long. */
  limit: NodeJS.Timeout | null;
  /** That time is over, and it was killed. */
  isCut: boolean;
}

export class Gateways {
  #settings: GatewaySettings;
  #listeners: readonly Listener[];
  readonly #directory: RunDirectory;
  readonly #processName: string;
  readonly #log: ErrorLog;
  readonly #events: GatewaysEvents;
  readonly #processes = new Map<GatewayProcess, Progress>();
  #logs: GatewayOrder | null = null;
  /** Those that died at once, and are yet to be started again. */
  readonly #restarts = new Set<NodeJS.Timeout>();
  #gracefulTimeout = 0;
  /** Questions that wait for their answer, by number. */
  readonly #descriptions = new Map<number, (requests: readonly (string | null)[]) => void>();
  #lastDescription = 0;
  #lastAge = 0;
  #capacity = 0;
  #isQueueOpen = false;
  #hasListened = false;
  #isClosing = false;
  #isLeaveAnnounced = false;

  constructor(
    settings: GatewaySettings,
    listeners: readonly Listener[],
    directory: RunDirectory,
    processName: string,
    log: ErrorLog,
    events: GatewaysEvents,
  ) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#directory = directory;
    this.#processName = processName;
    this.#log = log;
    this.#events = events;
    this.#startAll();
  }

  get pids(): readonly number[] {
    return [...this.#processes.keys()].map(({ pid }) => pid);
  }

  /** The FIFO exists. */
  openQueue(): void {
    if (this.#isQueueOpen) return;
    this.#isQueueOpen = true;
    this.order({ type: "open-queue" });
  }

  /** Worker threads that claim tickets now. */
  setCapacity(threads: number): void {
    if (threads === this.#capacity) return;
    this.#capacity = threads;
    this.order({ type: "set-capacity", threads });
  }

  setLogs(settings: LogSettings, path: string | null): void {
    this.#logs = { type: "set-logs", settings, path };
    this.order(this.#logs);
  }

  order(order: GatewayOrder): void {
    for (const gateway of this.#processes.keys()) gateway.order(order);
  }

  /** The request lines of what workers are on, by `GATEWAY:TICKET`. */
  async describeAll(work: readonly SlotRecord[]): Promise<ReadonlyMap<string, string>> {
    const lines = new Map<string, string>();
    for (const age of new Set(work.map(({ gateway }) => gateway))) {
      const tickets = work.filter(({ gateway }) => gateway === age).map(({ ticket }) => ticket);
      const requests = await this.#describe(age, tickets);
      requests.forEach((request, index) => {
        if (request !== null) lines.set(`${age}:${tickets[index]}`, request);
      });
    }
    return lines;
  }

  /** The request lines of a gateway's tickets; empty when it does not answer. */
  #describe(age: number, tickets: readonly number[]): Promise<readonly (string | null)[]> {
    const nr = ++this.#lastDescription;
    return new Promise((resolve) => {
      const done = (requests: readonly (string | null)[]): void => {
        clearTimeout(timer);
        this.#descriptions.delete(nr);
        resolve(requests);
      };
      const timer = setTimeout(() => done([]), DESCRIBE_MS);
      this.#descriptions.set(nr, done);
      this.orderOne(age, { type: "describe", nr, tickets });
    });
  }

  orderOne(age: number, order: GatewayOrder): void {
    for (const gateway of this.#processes.keys()) if (gateway.age === age) gateway.order(order);
  }

  /** With these from now on: another gateway takes over, and the ones before finish what they have begun. */
  renew(settings: GatewaySettings, listeners: readonly Listener[], gracefulTimeout: number): void {
    this.#gracefulTimeout = gracefulTimeout;
    const isSame =
      JSON.stringify(settings) === JSON.stringify(this.#settings) &&
      listeners.length === this.#listeners.length &&
      listeners.every((listener, index) => listener === this.#listeners[index]);
    if (isSame) return;
    this.#settings = settings;
    this.#listeners = listeners;
    const active = [...this.#processes.values()].filter(({ isLeaving }) => !isLeaving);
    // At rest: whoever wakes them starts one with these; so does what is started again after a pause.
    if (active.length === 0) return;
    this.#forgetRestarts();
    for (const progress of active) progress.isLeaving = true;
    this.#startAll();
  }

  /** They accept still, but keep no connection. */
  announceLeaving(): void {
    this.#isLeaveAnnounced = true;
    this.order({ type: "announce-leaving" });
  }

  /** They stop accepting, finish what is begun and leave. */
  drain(): void {
    this.#isClosing = true;
    this.order({ type: "drain" });
    if (this.#processes.size === 0) this.#events.onDrained();
  }

  /** As `drain`, but others may follow. */
  rest(gracefulTimeout: number): void {
    this.#gracefulTimeout = gracefulTimeout;
    this.#forgetRestarts();
    for (const progress of this.#processes.values()) progress.isLeaving = true;
    this.#drainLeaving();
    if (this.#processes.size === 0) this.#events.onRested();
  }

  resume(): void {
    this.#startAll();
  }

  /** They leave now; connections are cut. */
  leave(): void {
    this.#isClosing = true;
    for (const gateway of this.#processes.keys()) gateway.leave();
    if (this.#processes.size === 0) this.#events.onDrained();
  }

  kill(): void {
    this.#isClosing = true;
    for (const gateway of this.#processes.keys()) gateway.kill();
  }

  #startAll(): void {
    for (let nr = 0; nr < this.#settings.gateways; nr++) this.#start();
  }

  #start(): void {
    if (this.#isClosing) return;
    const age = ++this.#lastAge;
    const gateway = new GatewayProcess(age, {
      onReport: (process, report) => this.#onReport(process, report),
      onGone: (process, reason) => this.#onGone(process, reason),
    });
    this.#processes.set(gateway, {
      listening: 0,
      listeners: this.#listeners,
      startedMs: performance.now(),
      isLeaving: false,
      limit: null,
      isCut: false,
    });
    gateway.order({
      type: "start",
      age,
      runDirectory: this.#directory.path,
      spoolDirectory: this.#directory.spool,
      identity: this.#directory.identity,
      processName: this.#processName,
      settings: this.#settings,
    });
    if (this.#logs !== null) gateway.order(this.#logs);
    if (this.#isQueueOpen) gateway.order({ type: "open-queue" });
    if (this.#isLeaveAnnounced) gateway.order({ type: "announce-leaving" });
  }

  #onReport(gateway: GatewayProcess, report: GatewayReport): void {
    switch (report.type) {
      case "started":
        gateway.order({ type: "set-capacity", threads: this.#capacity });
        this.#giveListeners(gateway);
        return;
      case "had-room":
        if (!this.#isClosing && this.#processes.get(gateway)?.isLeaving === false)
          this.#giveListeners(gateway);
        return;
      case "listening":
        this.#onListening(gateway);
        return;
      case "listen-failed":
        if (this.#hasListened)
          this.#log.error(`Gateway (pid:${gateway.pid}) cannot listen: ${report.message}`);
        else this.#events.onStartFailed(`cannot listen: ${report.message}`);
        return;
      case "described":
        this.#descriptions.get(report.nr)?.(report.requests);
        return;
      default:
        report satisfies never;
    }
  }

  #giveListeners(gateway: GatewayProcess): void {
    this.#processes.get(gateway)?.listeners.forEach((listener, index) => {
      gateway.listen(index, listener);
    });
  }

  /** It counts the first time that it has all of them, and so have the others. */
  #onListening(gateway: GatewayProcess): void {
    const progress = this.#processes.get(gateway);
    if (progress === undefined || ++progress.listening !== progress.listeners.length) return;
    const active = [...this.#processes.values()].filter(({ isLeaving }) => !isLeaving);
    if (active.some(({ listening, listeners }) => listening < listeners.length)) return;
    this.#hasListened = true;
    if (active.length > 0) this.#drainLeaving();
    this.#events.onListening();
  }

  /** Their place is taken. They have graceful_timeout, as workers have in Gunicorn: an endless download must not keep them. */
  #drainLeaving(): void {
    for (const [gateway, progress] of this.#processes) {
      if (!progress.isLeaving || progress.limit !== null) continue;
      gateway.order({ type: "drain" });
      progress.limit = setTimeout(() => {
        this.#log.warning(
          `Gateway (pid:${gateway.pid}) still has clients after graceful_timeout (${this.#gracefulTimeout} s); their connections are cut`,
        );
        progress.isCut = true;
        gateway.kill();
      }, this.#gracefulTimeout * 1e3);
    }
  }

  #onGone(gateway: GatewayProcess, reason: string): void {
    const progress = this.#processes.get(gateway);
    if (progress === undefined) return;
    const { startedMs, isLeaving, limit, isCut } = progress;
    if (limit !== null) clearTimeout(limit);
    this.#processes.delete(gateway);
    this.#directory.removeGateway(gateway.age);
    if (this.#isClosing) {
      if (this.#processes.size === 0) this.#events.onDrained();
      return;
    }
    if (isLeaving) {
      if (!isCut && reason !== LEFT)
        this.#log.error(`Gateway (pid:${gateway.pid}) ${reason}; its connections are lost.`);
      if (this.#processes.size === 0) this.#events.onRested();
      return;
    }
    if (!this.#hasListened) {
      this.#events.onStartFailed(`gateway (pid:${gateway.pid}) ${reason}`);
      return;
    }
    this.#log.error(`Gateway (pid:${gateway.pid}) ${reason}; its connections are lost. Starting another.`);
    const livedMs = performance.now() - startedMs;
    if (livedMs > RESTART_PAUSE_MS) this.#start();
    else this.#restartAfterPause();
  }

  #forgetRestarts(): void {
    for (const restart of this.#restarts) clearTimeout(restart);
    this.#restarts.clear();
  }

  #restartAfterPause(): void {
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#start();
    }, RESTART_PAUSE_MS);
    this.#restarts.add(restart);
  }
}
