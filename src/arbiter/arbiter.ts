/**
 * The arbiter: starts gateways and workers, keeps them running, and carries out what signals ask for. It sees no byte of
 * a client, so it answers signals and keeps deadlines at any load.
 *
 *   starting ──first generation ready──▶ serving ──TERM, INT, QUIT──▶ stopping ──▶ the end
 *       └────────── the start failed ──────────────────────────────────▲
 *
 * Rules: Gunicorn's log lines and exit codes. Whatever dies unasked is started again, with a pause when it died before
 * it was of any use. A new generation takes over only when all its workers are ready.
 *
 * Runs in: arbiter.
 */
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "../as-user.ts";
import { type Exit, exit } from "../cli/parser.ts";
import type { Identity } from "../identity.ts";
import { guarded, reportFault } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import { LineLimit, times } from "../logging/line-limit.ts";
import type { Logs } from "../logging/logs.ts";
import { quoted } from "../logging/quoted.ts";
import type { Statsd } from "../metrics/statsd.ts";
import { SCOREBOARD_FILE, TICKETS_FILE } from "../queue/layout.ts";
import { ScoreboardReader } from "../queue/scoreboard.ts";
import type { BindAddress } from "../settings/addresses.ts";
import type { Loaded } from "../settings/load.ts";
import { maybeReplacement } from "../version.ts";
import { silenceLimitMs } from "./answer-watch.ts";
import { BackOff } from "./back-off.ts";
import { Children, type Worker } from "./children.ts";
import { CodeWatch } from "./code-watch.ts";
import { controlOf, listenerFacts, openControlSocket, type ReopenControlSocket } from "./control.ts";
import type { Controlled } from "./control-commands.ts";
import { LOOK_MS } from "./deadlines.ts";
import { type Damage, DirectoryWatch } from "./directory-watch.ts";
import { gatewaySettings, logSettings } from "./gateway-settings.ts";
import { Gateways } from "./gateways.ts";
import { Generation, type GenerationEvents } from "./generation.ts";
import type { Life } from "./life.ts";
import { type Listener, listenerText } from "./listeners.ts";
import { prepareLogFiles } from "./log-files.ts";
import { measureRegularly } from "./measurements.ts";
import { MovedScoreboard } from "./moved-scoreboard.ts";
import type { Pidfile } from "./pidfile.ts";
import type { Reader, Reading } from "./reading.ts";
import { Rebinding } from "./rebinding.ts";
import { Reload } from "./reload.ts";
import { RunDirectory } from "./run-directory.ts";
import { Shutdown } from "./shutdown.ts";
import { showStartScreen } from "./start-screen.ts";
import { Steps } from "./steps.ts";
import { Supervision } from "./supervision.ts";
import type { Upgrade } from "./upgrade.ts";
import { describeExit } from "./worker-exit.ts";
import type { WorkerAction } from "./worker-states.ts";
import { unfinishedWork } from "./worker-status.ts";
import type { Zygote } from "./zygote.ts";
import type { ImportedFile, Occasion } from "./zygote-messages.ts";

/** Gunicorn's exit codes. */
const EXIT_BOOT_FAILED = 3;
const EXIT_APP_NOT_FOUND = 4;
const EXIT_HOOK_FAILED = 255;

/** Room for reloads, when two generations stand side by side, and for TTIN. */
const MIN_SLOTS = 1024;
const SLOTS_PER_THREAD = 8;

/** How long a Python that does not start may take to show it, ms. */
const PYTHON_PROOF_MS = 1000;

/** How often a zygote is tried to be started from files that are missing or another version's, before the instance ends. */
const MAX_FRUITLESS_RESTARTS = 5;

/** How often somebody may have removed the directories, ms. */
const DIRECTORIES_MS = 1000;

/** How long a gateway whose queue nobody reads any more may keep its clients, s. */
const UNREAD_QUEUE_S = 1;

/** A TERM that systemd sends to every process ends the workers too; only when requests wait then are others worth it, ms. */
const STOPPING_PAUSE_MS = 500;

export interface ArbiterOptions {
  readonly loaded: Loaded;
  readonly listeners: readonly Listener[];
  /** Binds an address; the log has told when it cannot be had. */
  readonly open: (address: BindAddress) => Promise<Listener>;
  readonly pidfile: Pidfile | null;
  readonly logs: Logs;
  readonly statsd: Statsd | null;
  /** Of all processes but this one; null: the same. */
  readonly identity: Identity | null;
  readonly life: Life;
  readonly upgrade: Upgrade;
  readonly argv: readonly string[];
  /** Has executed the configuration file; null without one. */
  readonly zygote: Zygote | null;
  /** Of the start, so far. */
  readonly steps: Steps;
  /** Reads all settings anew. `onReader` hears who executes the configuration file. */
  readonly reload: (onReader: (reader: Reader) => void) => Promise<Reading | Exit>;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

export class Arbiter implements GenerationEvents {
  readonly #options: ArbiterOptions;
  readonly #log: ErrorLog;
  /** Of generations that are started from now on. */
  #directory: RunDirectory;
  #directoryWatch: DirectoryWatch;
  /** Paths that were removed, and cannot be made again now. */
  readonly #unrestored = new Set<string>();
  /** Some processes use them still. */
  readonly #formerDirectories = new Set<RunDirectory>();
  readonly #slots: number;
  readonly #children: Children;
  #scoreboard: ScoreboardReader;
  readonly #supervision: Supervision;
  readonly #zygoteBackOff = new BackOff();
  #fruitlessRestarts = 0;
  readonly #gateways: Gateways;
  readonly #generations = new Set<Generation>();
  readonly #reload: Reload;
  readonly #shutdown: Shutdown;
  #current: Generation;
  /** Being started by a reload, and the addresses that come with it. */
  #next: { readonly generation: Generation; readonly rebinding: Rebinding } | null = null;
  #lastGeneration = 0;
  #listeners: readonly Listener[];
  #hasAnnounced = false;
  /** All workers of the first generation, or of one after it, have been ready. */
  #hasServed = false;
  #reloads = 0;
  /** With --reload. */
  #code: CodeWatch | null = null;
  /** After WINCH: no gateway accepts, and no worker is needed. */
  #isResting = false;
  /** Clients can connect. */
  #isListening = false;
  /** Keeps the FIFO, and the tickets in it, while no gateway lives. */
  #queueFd = -1;
  readonly #reopenControlSocket: ReopenControlSocket;
  readonly #lineLimit = new LineLimit();

  /** Starts everything. Throws the system's error when the run directory cannot be made. */
  constructor(options: ArbiterOptions) {
    this.#options = options;
    this.#listeners = options.listeners;
    this.#log = options.logs.error;
    const { settings } = options.loaded;
    this.#slots = Math.max(MIN_SLOTS, settings.workers * settings.threads * SLOTS_PER_THREAD);
    this.#directory = this.#makeDirectory();
    this.#directoryWatch = new DirectoryWatch(this.#directory);
    this.#children = new Children(this.#slots);
    this.#scoreboard = this.#openScoreboard(this.#directory);
    this.#gateways = new Gateways(
      gatewaySettings(options.loaded),
      options.listeners,
      {
        directory: this.#directory,
        python: options.loaded.resolved.python,
        processName: options.loaded.resolved.processName,
        log: this.#log,
        silenceLimitMs: () => silenceLimitMs(this.#current.loaded.settings.timeout),
      },
      {
        onListening: () => this.#onListening(),
        onStartFailed: (reason) => this.#onGatewayFailed(reason),
        onBadFrame: (age, pid, fault) => this.#onBadFrame(age, pid, fault),
        onDrained: () => this.#shutdown.onDrained(),
        onRested: () => this.#onRested(),
        onMoved: () => this.#onMoved(),
      },
    );
    this.#shutdown = this.#prepareShutdown();
    this.#reload = this.#prepareReload();
    this.#current = this.#startGeneration(options, "start");
    this.#watchCode(this.#current);
    this.#supervision = this.#supervise();
    measureRegularly(options, this.#children);
    this.#reopenControlSocket = openControlSocket(options.loaded, this.#directory.control, this.#control(), {
      ...options,
      log: this.#log,
    });
    this.#every(DIRECTORIES_MS, "looking after directories", () => this.#lookAtDirectories());
  }

  /** Until the process ends. What goes wrong costs one time. */
  #every(intervalMs: number, what: string, act: () => void): void {
    setInterval(() => guarded(this.#log, what, act), intervalMs);
  }

  #makeDirectory(): RunDirectory {
    const { loaded, identity } = this.#options;
    const warn = (message: string): void => this.#log.warning(message);
    return new RunDirectory(this.#slots, { ...loaded.settings, identity, warn });
  }

  #openScoreboard({ path, identity }: RunDirectory): ScoreboardReader {
    return asUser(identity, () => new ScoreboardReader(join(path, SCOREBOARD_FILE), "r+"));
  }

  #prepareShutdown(): Shutdown {
    const { upgrade, life, pidfile, exit } = this.#options;
    return new Shutdown({
      log: this.#log,
      upgrade,
      pidfile,
      gateways: this.#gateways,
      generations: this.#generations,
      current: () => this.#current,
      onOverstayed: (who, graceSeconds) => this.onOverstayed(who, graceSeconds),
      onBegun: () => {
        // Now, not at the end: whoever comes is refused, and does not wait for an answer that nobody will give. What another
        // arbiter serves on stays; the system closes this one's share when it leaves.
        if (!upgrade.hasPartner) this.#closeListeners();
        guarded(this.#log, "telling others of the stop", () => life.onStopping());
        this.#reload.abandon();
        this.#abandonNext();
        this.#code?.close();
      },
      leave: (code) => {
        this.#removeDirectories();
        exit(code);
      },
    });
  }

  #closeListeners(): void {
    for (const listener of this.#listeners) {
      guarded(this.#log, `closing ${listenerText(listener)}`, () => listener.close());
    }
  }

  #removeDirectories(): void {
    for (const directory of [this.#directory, ...this.#formerDirectories]) {
      guarded(this.#log, "removing the run directory", () => directory.remove());
    }
  }

  /** Its own state contradicts itself: nothing is asked, nobody waited for. The kernel ends the children (decision 3). */
  abort(): void {
    this.#removeDirectories();
    guarded(this.#log, "removing the pid file", () => this.#options.pidfile?.remove());
    this.#options.exit(1);
  }

  #prepareReload(): Reload {
    return new Reload({
      log: this.#log,
      read: async (onReader) => this.#withLogFiles(await this.#options.reload(onReader)),
      open: this.#options.open,
      before: () => ({ addresses: this.#current.loaded.resolved.listenAll, listeners: this.#listeners }),
      onRead: () => this.#abandonNext(),
      maybeObstacle: ({ settings }) => this.#maybeLackOfRoom(settings.workers, settings.threads),
      onBound: (reading, rebinding) => {
        this.#next = { generation: this.#startGeneration(reading, "reload"), rebinding };
      },
      onFailed: (problem) => this.#onReloadFailed(problem),
    });
  }

  /** The reading, once its log files exist; those that are refused are taken out of its settings. */
  #withLogFiles(reading: Reading | Exit): Reading | Exit {
    if (reading.kind === "exit") return reading;
    try {
      const { loaded, refusals } = prepareLogFiles(reading.loaded, this.#options.identity);
      for (const refusal of refusals) this.#log.error(refusal);
      return { ...reading, loaded };
    } catch (error) {
      reading.zygote?.kill();
      return exit(1, { stderr: (error as Error).message });
    }
  }

  // -- signals ----------------------------------------------------------------------------------------------

  /** Loads the code and the settings anew, and serves with them once all new workers are ready (HUP). */
  reload(): void {
    if (this.#shutdown.hasBegun) return;
    this.#log.info(`Hang up: Master${this.#options.upgrade.suffix}`);
    this.#wake();
    this.reopenLogs();
    this.#beginReload();
  }

  #beginReload(): void {
    this.#options.life.onReloading();
    this.#reloads++;
    void this.#reload.begin();
  }

  /** Starts a second arbiter on the same sockets (USR2). */
  upgrade(): void {
    if (this.#shutdown.hasBegun) return;
    this.#current.callHook("pre_exec");
    this.#options.upgrade.begin(this.#listeners);
  }

  /** Accepts no more, finishes what has begun, and has no workers then (WINCH); HUP or TTIN bring them back. */
  rest(): void {
    if (!this.#isServing || this.#isResting) return;
    this.#log.info("graceful stop of workers");
    this.#isResting = true;
    this.#gateways.rest(this.#current.loaded.settings.graceful_timeout);
  }

  #onRested(): void {
    if (!this.#isResting || this.#shutdown.hasBegun) return;
    this.#current.retarget(0);
  }

  #wake(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#gateways.resume();
  }

  /** One worker more or less (TTIN, TTOU); at least one stays. */
  scale(by: 1 | -1): void {
    if (this.#shutdown.hasBegun || (this.#isResting && by < 0)) return;
    this.#wake();
    const total = this.#current.target + by;
    const obstacle = this.#maybeLackOfRoomToScale(total);
    if (obstacle === null) this.scaleTo(total);
    else this.#log.warning(`Still ${this.#current.target} workers: ${obstacle}`);
  }

  /** So many workers from now on, but at least one. Throws Error when there is no room for them. */
  scaleTo(wanted: number): { readonly previous: number; readonly total: number } {
    const previous = this.#current.target;
    const total = Math.max(1, wanted);
    const obstacle = this.#maybeLackOfRoomToScale(total);
    if (obstacle !== null) throw new Error(obstacle);
    if (!this.#shutdown.hasBegun && total !== previous) this.#current.retarget(total);
    return { previous, total };
  }

  #maybeLackOfRoomToScale(total: number): string | null {
    const more = total - this.#current.workers.length;
    return more <= 0 ? null : this.#maybeLackOfRoom(more, this.#current.loaded.settings.threads);
  }

  /** Why there cannot be so many workers more; null when there can. Slots are given back by workers that leave. */
  #maybeLackOfRoom(workers: number, threads: number): string | null {
    const room = this.#children.roomFor(threads);
    if (workers <= room) return null;
    return `the scoreboard has room for ${room} more workers with ${threads} thread(s) each; its size is that of the start (USR2)`;
  }

  /** False when there is no such worker. */
  retire(pid: number): boolean {
    const worker = this.#children.byPid(pid);
    const generation = worker && this.#generation(worker.generation);
    if (worker === undefined || generation === undefined) return false;
    generation.retire(worker);
    return true;
  }

  #generation(number: number): Generation | undefined {
    return [...this.#generations].find((each) => each.number === number);
  }

  #control(): Controlled {
    return controlOf(this, {
      life: this.#options.life,
      children: this.#children,
      scoreboard: () => this.#scoreboard,
      gateways: this.#gateways,
      current: () => this.#current,
      reloads: () => this.#reloads,
      listeners: () => listenerFacts(this.#listeners),
    });
  }

  /** After log rotation (USR1, HUP). */
  reopenLogs(): void {
    try {
      // Where others write it, they may not be able to create it. The error log is this process's too.
      const { refusals } = prepareLogFiles(this.#current.loaded, this.#options.identity, ["accesslog"]);
      for (const refusal of refusals) this.#log.error(refusal);
    } catch (error) {
      this.#log.error(`Log files: ${(error as Error).message}`);
    }
    this.#log.reopen();
    this.#options.logs.channel?.send({ type: "reopen", pid: process.pid, time: Date.now() / 1e3 });
    this.#gateways.order({ type: "reopen-logs" });
    for (const generation of this.#generations) {
      generation.reopenLogs();
    }
  }

  /** TERM: nothing is lost. INT, QUIT: at once, and at the second one without a farewell. */
  stop(quick: boolean): void {
    this.#shutdown.stop(quick, this.#isServing && !this.#isResting);
  }

  get #isServing(): boolean {
    return this.#hasServed && !this.#shutdown.hasBegun;
  }

  onSpent(): void {
    this.#shutdown.endWhenAlone();
  }

  // -- starting ---------------------------------------------------------------------------------------------

  #startGeneration({ loaded, zygote, steps }: Omit<Reading, "kind">, occasion: Occasion): Generation {
    this.#scoreboard.restore();
    const generation = new Generation(
      ++this.#lastGeneration,
      loaded,
      this.#directory,
      this.#options.argv,
      this.#children,
      this,
      {
        zygote,
        steps,
        occasion,
        oldWorkers: occasion === "reload" ? this.#current.target : null,
        listeners: this.addresses,
      },
    );
    this.#generations.add(generation);
    return generation;
  }

  // -- directories that somebody has removed ----------------------------------------------------------------

  #lookAtDirectories(): void {
    if (this.#shutdown.hasBegun) return;
    // The FIFO is there from the moment in which the first generation is prepared.
    const files = this.#queueFd < 0 ? [] : [TICKETS_FILE, ...this.#gateways.filesIn(this.#directory)];
    const damages = this.#directoryWatch.damages(files);
    const lost = damages.find(({ kind }) => kind === "lost");
    if (lost !== undefined) this.#move(lost.path);
    else for (const damage of damages) this.#restore(damage);
    if (damages.length === 0) this.#unrestored.clear();
  }

  /** What cannot be made again is told once, and tried again: large bodies get 507 meanwhile. */
  #restore({ kind, path }: Damage): void {
    try {
      if (kind === "spool missing") this.#directory.restoreSpool();
      else this.#directory.restoreControl();
    } catch (error) {
      if (!this.#unrestored.has(path))
        this.#log.error(`Somebody has removed ${path}; not made again: ${(error as Error).message}`);
      this.#unrestored.add(path);
      return;
    }
    this.#log.warning(`Somebody has removed ${path}; made again`);
    if (kind === "control missing") this.#reopenControlSocket(path);
  }

  /**
   * Another run directory, and a generation that works there. What serves goes on with what it has open, until that generation is
   * ready. Where it cannot be had, the instance ends: nothing that dies could be replaced.
   */
  #move(path: string): void {
    this.#log.error(`Somebody has removed ${path}; moving to another run directory`);
    const replacement = maybeReplacement();
    if (replacement !== undefined) {
      this.#shutdown.halt(1, `Somebody has removed ${path}. ${replacement}`);
      return;
    }
    try {
      this.#changeDirectory(this.#makeDirectory());
    } catch (error) {
      this.#shutdown.halt(
        1,
        `Somebody has removed ${path}, and no other can be made: ${(error as Error).message}`,
      );
      return;
    }
    this.#reload.abandon();
    this.#abandonNext();
    const { loaded, target } = this.#current;
    const generation = this.#startGeneration({ loaded, zygote: null, steps: new Steps() }, "restart");
    generation.target = target;
    this.#next = { generation, rebinding: Rebinding.none(this.#listeners) };
  }

  #changeDirectory(directory: RunDirectory): void {
    this.#formerDirectories.add(this.#directory);
    this.#directory = directory;
    this.#directoryWatch = new DirectoryWatch(directory);
    const path = join(directory.path, SCOREBOARD_FILE);
    this.#scoreboard = asUser(directory.identity, () => new MovedScoreboard(path, this.#scoreboard));
    if (this.#queueFd >= 0) closeSync(this.#queueFd); // its gateways have it open too
    this.#queueFd = -1;
    this.#reopenControlSocket(directory.control);
  }

  /** No gateway uses a former directory any more, so no request waits for the workers there. */
  #onMoved(): void {
    for (const generation of this.#generations) if (this.#isFormer(generation)) generation.retireAll();
    this.#forgetFormerDirectories();
  }

  #isFormer({ directory }: Generation): boolean {
    return directory !== this.#directory;
  }

  #forgetFormerDirectories(): void {
    if (this.#formerDirectories.size === 0 || [...this.#generations].some((each) => this.#isFormer(each)))
      return;
    for (const directory of this.#formerDirectories) {
      guarded(this.#log, "removing a former run directory", () => directory.remove());
    }
    this.#formerDirectories.clear();
    this.#scoreboard.close();
    this.#scoreboard = this.#openScoreboard(this.#directory);
  }

  // -- code (--reload) --------------------------------------------------------------------------------------

  #watchCode({ loaded, imported, importFailed }: Generation): void {
    if (this.#code?.isFor(loaded) !== true) {
      this.#code?.close();
      this.#code = null;
      if (!loaded.settings.reload) return;
      this.#code = new CodeWatch(
        loaded,
        (path) => this.#onCodeChanged(path),
        ({ message }) => this.#log.warning(`Not watched: ${message}. Try --reload-engine poll`),
      );
      this.#log.warning("Reloader is on. Use in development only!");
    }
    this.#code.addImported([...imported]);
    if (importFailed === null) this.#code.leaveTree();
    else this.#code.watchTree(importFailed * 1e3);
  }

  #onCodeChanged(path: string): void {
    if (this.#shutdown.hasBegun) return;
    this.#log.info(`Worker reloading: ${path} modified`);
    this.#beginReload();
  }

  onImported(generation: Generation, files: readonly ImportedFile[]): void {
    if (generation !== this.#current && generation !== this.#next?.generation) return;
    this.#code?.addImported(files);
    this.#log.debug(`Watching ${files.map(([path]) => path).join(", ")}`);
  }

  onLogOpened(generation: Generation): void {
    if (generation === this.#current) this.#setLogs(generation);
  }

  #setLogs({ loaded, logPath }: Generation): void {
    const settings = logSettings(loaded);
    this.#options.logs.change(settings, logPath);
    this.#gateways.setLogs(settings, logPath);
  }

  onPrepared(generation: Generation): void {
    if (this.#queueFd < 0) {
      const path = join(this.#directory.path, TICKETS_FILE);
      const flags = constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW;
      this.#queueFd = asUser(this.#options.identity, () => openSync(path, flags));
    }
    this.#gateways.openQueue(generation.directory);
    generation.runAsBatch(this.#gateways.pids);
    // The first generation waits until clients can connect, so that the log tells the start in its usual order.
    this.#zygoteBackOff.reset();
    if (this.#hasAnnounced) this.onVacancy(generation);
    else this.#announce();
  }

  /** Those of the application, as in the log. */
  get addresses(): string[] {
    return this.#listeners.filter(({ info }) => !info.isHealth).map(listenerText);
  }

  /** A gateway is launched by Python too: where that is broken, the zygote is about to say so better. */
  #onGatewayFailed(reason: string): void {
    const isPythonProven = this.#hasServed || this.#current.isPrepared;
    setTimeout(() => this.#shutdown.halt(1, reason), isPythonProven ? 0 : PYTHON_PROOF_MS);
  }

  #onListening(): void {
    this.#isListening = true;
    this.#current.runAsBatch(this.#gateways.pids);
    this.#announce();
  }

  #announce(): void {
    if (this.#hasAnnounced || !this.#isListening || this.#shutdown.hasBegun) return;
    // What on_starting has to say comes first.
    if (this.#options.zygote !== null && !this.#current.isPrepared) return;
    this.#hasAnnounced = true;
    this.#log.info(`Listening at: ${this.addresses.join(",")} (${process.pid})`);
    this.#announceHealth();
    this.#log.info(`Using worker: ${this.#options.loaded.resolved.workerClassName}`);
    // A thread may be writing them (logging/output.ts); what the hook and the workers say comes after.
    this.#log.whenWritten(() => this.#begin());
  }

  #begin(): void {
    if (this.#shutdown.hasBegun) return;
    this.#current.callHook("when_ready");
    this.#current.manage();
  }

  #announceHealth(): void {
    for (const listener of this.#listeners) {
      if (listener.info.isHealth) this.#log.info(`Health pages at: ${listenerText(listener)}`);
    }
  }

  onReady(generation: Generation, _worker: Worker): void {
    this.#gateways.setCapacity(this.#children.capacity);
    if (generation.importFailed !== null) this.#code?.watchTree(generation.importFailed * 1e3);
    if (generation.readyCount < generation.target) return;
    generation.backOff.reset();
    if (generation === this.#next?.generation) this.#takeOver(generation, this.#next.rebinding);
    else if (!this.#hasServed && !this.#shutdown.hasBegun) this.#onServing();
  }

  #onServing(): void {
    this.#hasServed = true;
    this.#options.life.onServing();
    showStartScreen(this.#options.loaded, this.addresses, this.#current.pythonVersion);
  }

  #takeOver(generation: Generation, rebinding: Rebinding): void {
    const old = this.#current;
    this.#current = generation;
    this.#next = null;
    this.#hasServed = true;
    this.#watchCode(generation);
    this.#setLogs(generation);
    this.#log.info(
      `Generation ${generation.number} is ready; generation ${old.number} finishes its requests`,
    );
    if (!this.#isFormer(old)) old.retireAll();
    // Where nobody reads the queue any more, no request is ever answered.
    const isQueueRead = !this.#isFormer(old) || old.readyCount > 0;
    const { graceful_timeout } = generation.loaded.settings;
    this.#renewGateways(generation.loaded, rebinding, isQueueRead ? graceful_timeout : UNREAD_QUEUE_S);
    this.#options.life.onReloaded(null);
    this.#gateways.setCapacity(this.#children.capacity);
  }

  /** What of the new settings is theirs. `patience`: for their clients, s. */
  #renewGateways(loaded: Loaded, rebinding: Rebinding, patience: number): void {
    if (rebinding.isChange) {
      this.#listeners = rebinding.listeners;
      rebinding.finish();
      this.#log.info(`Listening at: ${this.addresses.join(",")}`);
      this.#announceHealth();
    }
    this.#gateways.renew(gatewaySettings(loaded), this.#listeners, this.#directory, patience);
  }

  /** A reload that comes to nothing. */
  #abandonNext(): void {
    const next = this.#next;
    this.#next = null;
    next?.rebinding.undo();
    next?.generation.kill();
  }

  // -- what dies --------------------------------------------------------------------------------------------

  onExited(generation: Generation, worker: Worker, code: number, signal: number): void {
    const isExpected = worker.state === "retiring" || worker.state === "lost" || generation.isClosing;
    const exit = describeExit(worker.pid, code, signal, isExpected);
    this.#log.write(exit.level, exit.message);
    const actions = this.#forget(worker, exit.reason);
    generation.closeWhenEmpty();
    if (generation.isClosing || this.#shutdown.isLeaving) return;
    if (actions.includes("boot failed")) this.#onBootFailed(generation, code);
    else this.#fillVacancy(generation);
  }

  /** A signal that came before this death is told only at the end of this turn of the event loop. */
  #fillVacancy(generation: Generation): void {
    setImmediate(() => {
      if (this.#shutdown.hasBegun) setTimeout(() => this.onVacancy(generation), STOPPING_PAUSE_MS);
      else this.onVacancy(generation);
    });
  }

  #onBootFailed(generation: Generation, code: number): void {
    this.#code?.watchTree(Date.now());
    if (generation === this.#next?.generation) {
      this.#abandonNext();
      const failed = generation.steps.failed();
      if (failed !== "") this.#log.error(`Reload failed in ${failed}`);
      this.#onReloadFailed(`a new worker did not start. Generation ${this.#current.number} serves on.`);
      return;
    }
    const isFirst = !this.#hasServed && generation.readyCount === 0 && this.#code === null;
    if (isFirst && code === EXIT_BOOT_FAILED) this.#failStart(generation, code, "Worker failed to boot.");
    else if (isFirst && code === EXIT_APP_NOT_FOUND) this.#failStart(generation, code, "App failed to load.");
    else this.#manageAfterPause(generation);
  }

  #failStart({ steps }: Generation, code: number, reason: string): void {
    const failed = steps.failed();
    if (failed !== "") this.#log.error(`The start failed in ${failed}`);
    this.#shutdown.halt(code, reason);
  }

  onForkFailed(generation: Generation, error: string): void {
    this.#log.error(`Cannot fork a worker: ${error}`);
    this.#manageAfterPause(generation);
  }

  onOverstayed(who: string, graceSeconds: number): void {
    this.#log.warning(`${who} did not leave within graceful_timeout (${graceSeconds} s); killed`);
  }

  onHookFailed(generation: Generation, name: string): void {
    if (generation === this.#next?.generation) {
      this.#abandonNext();
      this.#onReloadFailed(
        `the hook ${name} raised an exception. Generation ${this.#current.number} serves on.`,
      );
    } else if (name === "on_exit") {
      this.#shutdown.spoil(1);
    } else if (generation === this.#current) {
      const code = name === "when_ready" ? 1 : EXIT_HOOK_FAILED;
      this.#shutdown.halt(code, `The hook ${name} raised an exception.`);
    }
  }

  onConfigurationFailed(text: string): void {
    this.#log.error(text.trim());
  }

  #manageAfterPause(generation: Generation): void {
    generation.backOff.failed(() => {
      if (!this.#shutdown.isLeaving) generation.manage();
    });
  }

  /** Where workers do not boot, none is forked for another reason either before the pause is over. */
  onVacancy(generation: Generation): void {
    if (!this.#shutdown.isLeaving && !generation.backOff.isWaiting) generation.manage();
  }

  onGone(generation: Generation, reason: string): void {
    for (const worker of generation.workers)
      this.#forget(worker, `was lost with its zygote, which ${reason}`);
    this.#generations.delete(generation);
    this.#forgetFormerDirectories();
    if (this.#shutdown.onGone(generation)) return;
    if (this.#shutdown.isLeaving) this.#shutdown.endWhenAlone();
    else if (generation === this.#next?.generation) this.#onNextGone(reason);
    else if (generation === this.#current) this.#onCurrentGone(generation, reason);
  }

  #onNextGone(reason: string): void {
    this.#abandonNext();
    this.#onReloadFailed(`the new zygote ${reason}. Generation ${this.#current.number} serves on.`);
  }

  onGarbage({ zygotePid }: Generation, line: string): void {
    const count = this.#lineLimit.count("garbage");
    if (count > 0)
      this.#log.warning(`Zygote (pid:${zygotePid}) sent no report${times(count)}, ignored: ${quoted(line)}`);
  }

  onFault(what: string, error: unknown): void {
    reportFault(this.#log, what, error);
  }

  #onReloadFailed(problem: string): void {
    if (this.#isFormer(this.#current) && this.#next === null) {
      this.#shutdown.halt(1, `The run directory was removed, and in another one ${problem}`);
      return;
    }
    this.#log.error(`Reload failed: ${problem}`);
    this.#options.life.onReloaded(problem);
  }

  #onCurrentGone(generation: Generation, reason: string): void {
    if (!generation.isPrepared && !this.#hasServed) {
      this.#failStart(generation, 1, `Python ${generation.loaded.resolved.python} ${reason}`);
      return;
    }
    this.#log.error(
      `Zygote (pid:${generation.zygotePid}) ${reason}; its workers are lost. Starting another.`,
    );
    const { loaded, target } = generation;
    const restart = (): void => {
      // A reload may have put another in its place.
      if (this.#shutdown.isLeaving || this.#current !== generation) return;
      const replacement = maybeReplacement();
      if (replacement !== undefined) {
        this.#onZygoteReplaced(replacement, restart);
        return;
      }
      this.#fruitlessRestarts = 0;
      this.#current = this.#startGeneration({ loaded, zygote: null, steps: new Steps() }, "restart");
      this.#current.target = target;
    };
    if (generation.isPrepared) setImmediate(restart);
    else this.#zygoteBackOff.failed(restart);
  }

  /** A package is replaced in steps: the next time the files may fit. */
  #onZygoteReplaced(replacement: string, restart: () => void): void {
    if (++this.#fruitlessRestarts >= MAX_FRUITLESS_RESTARTS) {
      this.#shutdown.halt(1, `No zygote is left. ${replacement}`);
      return;
    }
    this.#log.error(`Zygote not started: ${replacement}`);
    this.#zygoteBackOff.failed(restart);
  }

  /** What comes from such a worker cannot be told from replies any more. */
  #onBadFrame(age: number, pid: number, fault: string): void {
    const worker = this.#children.byAge(age);
    if (worker === undefined || worker.pid !== pid) return; // gone meanwhile
    this.#log.error(`Worker (pid:${pid}) sent ${fault}; killed`);
    this.#generation(worker.generation)?.signal(worker, "SIGKILL");
  }

  /** Takes the worker off the registry, and tells the gateways what it leaves undone. */
  #forget(worker: Worker, reason: string): readonly WorkerAction[] {
    const work = unfinishedWork(worker, this.#scoreboard);
    const { age, pid } = worker;
    this.#supervision.forget(worker);
    const actions = this.#children.happened(worker, "exited");
    this.#gateways.setCapacity(this.#children.capacity);
    if (worker.hasBooted) this.#gateways.order({ type: "forget-worker", age, pid, reason, work });
    return actions;
  }

  #supervise(): Supervision {
    const supervision = new Supervision({
      children: this.#children,
      scoreboard: () => this.#scoreboard,
      gateways: this.#gateways,
      log: this.#log,
      stacksPlace: (worker) => {
        const { path, identity } = this.#generation(worker.generation)?.directory ?? this.#directory;
        return { runDirectory: path, identity };
      },
      generation: (number) => this.#generation(number),
      serving: () => (this.#isServing && this.#next === null ? this.#current : null),
      isStopping: () => this.#shutdown.hasBegun,
      onOverstayed: (who, graceSeconds) => this.onOverstayed(who, graceSeconds),
    });
    this.#every(LOOK_MS, "looking after workers", () => supervision.look());
    return supervision;
  }
}
