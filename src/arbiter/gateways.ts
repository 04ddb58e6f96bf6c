/**
 * The gateways: starts them, gives them the listeners and the queue, and starts one that died again.
 *
 * Runs in: arbiter.
 */
import { guarded } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { LogSettings } from "../logging/log-settings.ts";
import type { GatewayOrder, GatewayReport, GatewaySettings } from "../queue/gateway-messages.ts";
import { arenaFile, repliesFile } from "../queue/layout.ts";
import type { SlotRecord } from "../queue/scoreboard.ts";
import { RunningClock } from "../running-clock.ts";
import { maybeReplacement } from "../version.ts";
import { AnswerWatch, ASK_MS } from "./answer-watch.ts";
import { GatewayProcess } from "./gateway-process.ts";
import type { Listener } from "./listeners.ts";
import type { RunDirectory } from "./run-directory.ts";

/** A gateway that died this soon after its start is started again only after as long, and later each time, ms. */
const RESTART_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** How often a gateway is looked for in vain, because files are missing or another version's, before the instance ends. */
const MAX_FRUITLESS_STARTS = 5;

/** As they were told. */
const LEFT = "exited with code 0";

/** How long a gateway may take to say what it is on, ms. */
const DESCRIBE_MS = 1000;

export interface GatewaysEvents {
  /** Every listener is open. Called for each gateway, also for one started again. */
  onListening(): void;
  /** One cannot listen, or died before it ever did: the start has failed. Or there can be no gateway any more. */
  onStartFailed(reason: string): void;
  /** A worker, so it says, is out of step with the protocol. `fault` is to be read after "sent". */
  onBadFrame(age: number, pid: number, fault: string): void;
  /** All have left, as they were told. */
  onDrained(): void;
  /** All have left, and `resume` starts others. */
  onRested(): void;
  /** The last one that used another run directory has left. */
  onMoved(): void;
}

/** What every gateway is started with. */
export interface GatewaysOptions {
  readonly directory: RunDirectory;
  readonly python: string;
  readonly processName: string;
  readonly log: ErrorLog;
  /** For how long a gateway may say nothing before it counts as hanging, ms. */
  readonly silenceLimitMs: () => number;
}

interface Progress {
  /** How many of `listeners` it listens on. */
  listening: number;
  readonly listeners: readonly Listener[];
  readonly startedMs: number;
  readonly directory: RunDirectory;
  readonly watch: AnswerWatch;
  /** Why it was killed; "" when nobody has killed it. */
  fault: string;
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
  readonly #options: GatewaysOptions;
  #directory: RunDirectory;
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
  #pauseMs = RESTART_PAUSE_MS;
  #fruitlessStarts = 0;
  readonly #clock = new RunningClock(ASK_MS, performance.now());
  #lookedMs = performance.now();

  constructor(
    settings: GatewaySettings,
    listeners: readonly Listener[],
    options: GatewaysOptions,
    events: GatewaysEvents,
  ) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#options = options;
    this.#directory = options.directory;
    this.#log = options.log;
    this.#events = events;
    this.#startAll();
    setInterval(() => guarded(this.#log, "looking after gateways", () => this.#lookAfter()), ASK_MS);
  }

  /** Kills those that hang. */
  #lookAfter(): void {
    const now = performance.now();
    const ranMs = Math.min(now - this.#lookedMs, 2 * ASK_MS);
    this.#lookedMs = now;
    const wasStopped = this.#clock.look(now) > 0;
    for (const [gateway, progress] of this.#processes) {
      if (wasStopped) progress.watch.excuse();
      else if (gateway.isConnected) this.#askAfter(gateway, progress, ranMs);
    }
  }

  #askAfter(gateway: GatewayProcess, progress: Progress, ranMs: number): void {
    const { watch } = progress;
    const next = watch.look(ranMs, this.#options.silenceLimitMs());
    if (next === "ask") gateway.order({ type: "answer" });
    if (next !== "hangs") return;
    progress.fault ||= `does not answer for ${watch.silence} s; killed`;
    gateway.kill();
  }

  get pids(): readonly number[] {
    return [...this.#processes.keys()].map(({ pid }) => pid);
  }

  /** Names in this run directory that have to be there as long as their gateways. */
  filesIn(run: RunDirectory): readonly string[] {
    const serving = [...this.#processes].filter(
      ([, { isLeaving, listening, directory }]) => !isLeaving && listening > 0 && directory === run,
    );
    return this.#isClosing ? [] : serving.flatMap(([{ age }]) => [arenaFile(age), repliesFile(age)]);
  }

  /** The FIFO exists in this run directory; gateways in another one hear of it when `renew` has them take this one. */
  openQueue(directory: RunDirectory): void {
    if (this.#isQueueOpen || directory !== this.#directory) return;
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

  /** With these from now on: another gateway takes over, and the ones before finish what they have begun. The FIFO exists. */
  renew(
    settings: GatewaySettings,
    listeners: readonly Listener[],
    directory: RunDirectory,
    gracefulTimeout: number,
  ): void {
    this.#gracefulTimeout = gracefulTimeout;
    const isSame =
      directory === this.#directory &&
      JSON.stringify(settings) === JSON.stringify(this.#settings) &&
      listeners.length === this.#listeners.length &&
      listeners.every((listener, index) => listener === this.#listeners[index]);
    if (isSame) return;
    this.#settings = settings;
    this.#listeners = listeners;
    if (directory !== this.#directory) this.#isQueueOpen = true;
    this.#directory = directory;
    const active = [...this.#processes.values()].filter(({ isLeaving }) => !isLeaving);
    // At rest: whoever wakes them starts one with these; so does what is started again after a pause.
    if (active.length === 0) {
      this.#noteMoved();
      return;
    }
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
    const replacement = maybeReplacement();
    if (replacement !== undefined) {
      this.#onFruitless(`Gateway not started: ${replacement}`);
      return;
    }
    const age = ++this.#lastAge;
    const gateway = new GatewayProcess(age, this.#options.python, {
      onReport: (process, report) =>
        guarded(this.#log, "handling a report of a gateway", () => this.#onReport(process, report)),
      onGone: (process, reason) =>
        guarded(this.#log, "handling the end of a gateway", () => this.#onGone(process, reason)),
    });
    this.#processes.set(gateway, {
      listening: 0,
      listeners: this.#listeners,
      startedMs: performance.now(),
      directory: this.#directory,
      watch: new AnswerWatch(),
      fault: "",
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
      processName: this.#options.processName,
      settings: this.#settings,
    });
    if (this.#logs !== null) gateway.order(this.#logs);
    if (this.#isQueueOpen) gateway.order({ type: "open-queue" });
    if (this.#isLeaveAnnounced) gateway.order({ type: "announce-leaving" });
  }

  #onReport(gateway: GatewayProcess, report: GatewayReport): void {
    const progress = this.#processes.get(gateway);
    progress?.watch.heard();
    switch (report.type) {
      case "started":
        gateway.order({ type: "set-capacity", threads: this.#capacity });
        this.#giveListeners(gateway);
        return;
      case "answered":
        return;
      case "had-room":
        if (!this.#isClosing && progress?.isLeaving === false) this.#giveListeners(gateway);
        return;
      case "bad-frame":
        this.#events.onBadFrame(report.age, report.pid, report.fault);
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
    this.#pauseMs = RESTART_PAUSE_MS;
    this.#fruitlessStarts = 0;
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
    const { startedMs, isLeaving, limit, isCut, directory, fault } = progress;
    if (limit !== null) clearTimeout(limit);
    this.#processes.delete(gateway);
    guarded(this.#log, "removing a gateway's files", () => directory.removeGateway(gateway.age));
    const loss =
      fault === "" ? `${reason}; its connections are lost.` : `${fault}. Its connections are lost.`;
    const line = `Gateway (pid:${gateway.pid}) ${loss}`;
    if (this.#isClosing) {
      if (fault !== "") this.#log.error(line);
      if (this.#processes.size === 0) this.#events.onDrained();
    } else if (isLeaving) {
      if (!isCut && reason !== LEFT) this.#log.error(line);
      this.#noteMoved();
      if (this.#processes.size === 0) this.#events.onRested();
    } else if (!this.#hasListened) {
      this.#events.onStartFailed(`gateway (pid:${gateway.pid}) ${fault || reason}`);
    } else {
      this.#log.error(`${line} Starting another.`);
      if (performance.now() - startedMs > RESTART_PAUSE_MS) this.#start();
      else this.#restartAfterPause();
    }
  }

  /** The next one may find files that fit: a package is replaced in steps. */
  #onFruitless(problem: string): void {
    const isServed = [...this.#processes.values()].some(({ isLeaving }) => !isLeaving);
    if (!isServed && ++this.#fruitlessStarts >= MAX_FRUITLESS_STARTS) {
      this.#events.onStartFailed(`No gateway is left. ${problem}`);
      return;
    }
    this.#log.error(problem);
    this.#restartAfterPause();
  }

  #noteMoved(): void {
    const others = [...this.#processes.values()].filter(({ directory }) => directory !== this.#directory);
    if (others.length === 0) this.#events.onMoved();
  }

  #forgetRestarts(): void {
    for (const restart of this.#restarts) clearTimeout(restart);
    this.#restarts.clear();
  }

  #restartAfterPause(): void {
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#start();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.#restarts.add(restart);
  }
}
