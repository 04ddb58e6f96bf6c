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
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { Exit } from "../cli/parser.ts";
import type { Identity } from "../identity.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { Logs } from "../logging/logs.ts";
import type { Statsd } from "../metrics/statsd.ts";
import type { UnfinishedWork } from "../queue/gateway-messages.ts";
import { SCOREBOARD_FILE, SLOT_BUSY, TICKETS_FILE } from "../queue/layout.ts";
import { ScoreboardReader } from "../queue/scoreboard.ts";
import { type BindAddress, formatAddress } from "../settings/addresses.ts";
import type { Loaded } from "../settings/load.ts";
import { VERSION } from "../version.ts";
import { BackOff } from "./back-off.ts";
import { Children, type Worker } from "./children.ts";
import { listenerFacts, nextReload, openControlSocket } from "./control.ts";
import type { Controlled } from "./control-commands.ts";
import { LOOK_MS, monotonicMs } from "./deadlines.ts";
import { gatewaySettings, logSettings } from "./gateway-settings.ts";
import { Gateways } from "./gateways.ts";
import { Generation, type GenerationEvents } from "./generation.ts";
import type { Life } from "./life.ts";
import type { Listener } from "./listeners.ts";
import { prepareLogFiles } from "./log-files.ts";
import { measureRegularly } from "./measurements.ts";
import type { Pidfile } from "./pidfile.ts";
import type { Reading } from "./reading.ts";
import { Rebinding } from "./rebinding.ts";
import { RunDirectory } from "./run-directory.ts";
import { startScreen } from "./start-screen.ts";
import { Supervision } from "./supervision.ts";
import type { Upgrade } from "./upgrade.ts";
import { describeExit } from "./worker-exit.ts";
import type { WorkerAction } from "./worker-states.ts";
import { workerStatus } from "./worker-status.ts";
import type { Zygote } from "./zygote.ts";
import type { Occasion } from "./zygote-messages.ts";

/** Gunicorn's exit codes. */
const EXIT_BOOT_FAILED = 3;
const EXIT_APP_NOT_FOUND = 4;
const EXIT_HOOK_FAILED = 255;

/** Room for reloads, when two generations stand side by side, and for TTIN. */
const MIN_SLOTS = 1024;
const SLOTS_PER_THREAD = 8;

/** How long what was killed may take to be gone, ms. */
const KILL_GRACE_MS = 1000;
/** How long INT and QUIT wait for the children, ms. */
const QUICK_STOP_MS = 2000;
/** A TERM that systemd sends to every process ends the workers too; only when requests wait then are others worth it, ms. */
const STOPPING_PAUSE_MS = 500;

type State = "starting" | "serving" | "stopping";

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
  /** Reads all settings anew. `onZygote` hears who executes the configuration file. */
  readonly reload: (onZygote: (zygote: Zygote) => void) => Promise<Reading | Exit>;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

export class Arbiter implements GenerationEvents {
  readonly #options: ArbiterOptions;
  readonly #log: ErrorLog;
  readonly #directory: RunDirectory;
  readonly #children: Children;
  readonly #scoreboard: ScoreboardReader;
  readonly #supervision: Supervision;
  readonly #backOff = new BackOff();
  readonly #zygoteBackOff = new BackOff();
  readonly #gateways: Gateways;
  readonly #generations = new Set<Generation>();
  #state: State = "starting";
  #current: Generation;
  /** Being started by a reload. */
  #next: Generation | null = null;
  #lastGeneration = 0;
  /** Executes the configuration file for a reload. */
  #reader: Zygote | null = null;
  /** The addresses of the next generation. */
  #rebinding: Rebinding | null = null;
  #listeners: readonly Listener[];
  /** How often settings were begun to be read anew. */
  #readings = 0;
  #hasAnnounced = false;
  #exitCode = 0;
  #exitReason = "";
  #isQuick = false;
  #reloads = 0;
  /** After WINCH: no gateway accepts, and no worker is needed. */
  #isResting = false;
  #drainDelay: NodeJS.Timeout | null = null;
  /** While stopping: no gateway is left, and so no request. */
  #isDrained = false;
  /** The last line of the log is written. */
  #hasEnded = false;
  /** Clients can connect. */
  #isListening = false;
  /** Keeps the FIFO, and the tickets in it, while no gateway lives. */
  #queueFd = -1;

  /** Starts everything. Throws the system's error when the run directory cannot be made. */
  constructor(options: ArbiterOptions) {
    this.#options = options;
    this.#listeners = options.listeners;
    this.#log = options.logs.error;
    const { settings } = options.loaded;
    const slots = Math.max(MIN_SLOTS, settings.workers * settings.threads * SLOTS_PER_THREAD);
    this.#directory = new RunDirectory(slots, { ...settings, identity: options.identity });
    this.#children = new Children(slots);
    this.#scoreboard = new ScoreboardReader(join(this.#directory.path, SCOREBOARD_FILE));
    this.#gateways = new Gateways(
      gatewaySettings(options.loaded),
      options.listeners,
      this.#directory,
      options.loaded.resolved.processName,
      this.#log,
      {
        onListening: () => this.#onListening(),
        onStartFailed: (reason) => this.#halt(1, reason),
        onDrained: () => this.#onDrained(),
        onRested: () => this.#onRested(),
      },
    );
    this.#current = this.#startGeneration(options.loaded, "start", options.zygote);
    this.#supervision = this.#supervise();
    measureRegularly(options, this.#children);
    openControlSocket(options.loaded, this.#directory.control, this.#controlled, {
      ...options,
      log: this.#log,
    });
  }

  // -- signals ----------------------------------------------------------------------------------------------

  /** Loads the code and the settings anew, and serves with them once all new workers are ready (HUP). */
  reload(): void {
    if (this.#state === "stopping") return;
    this.#log.info(`Hang up: Master${this.#options.upgrade.suffix}`);
    this.#wake();
    this.reopenLogs();
    this.#options.life.onReloading();
    this.#reloads++;
    this.#abandonReading();
    const reading = this.#readings;
    const onZygote = (zygote: Zygote): void => {
      this.#reader = zygote;
    };
    void this.#options.reload(onZygote).then((read) => {
      // Another HUP, or a stop, came meanwhile.
      if (reading !== this.#readings) return;
      this.#reader = null;
      this.#onRead(read);
    });
  }

  #onRead(read: Reading | Exit): void {
    if (read.kind === "exit") {
      const reason = read.stderr.trim() || `the configuration file left with code ${read.code}`;
      this.#onReloadFailed(`${reason}. The old settings stay in force.`);
      return;
    }
    const reading = this.#readings;
    const before = this.#current.loaded.resolved.listen;
    Rebinding.begin(this.#listeners, before, read.loaded.resolved.listen, this.#options.open).then(
      (rebinding) => {
        if (reading === this.#readings) {
          this.#startNext(read, rebinding);
        } else {
          rebinding.undo();
          read.zygote?.kill();
        }
      },
      (error: Error) => {
        read.zygote?.kill();
        this.#onReloadFailed(
          `${error.message || "an address cannot be had"}. The old settings stay in force.`,
        );
      },
    );
  }

  #startNext(read: Reading, rebinding: Rebinding): void {
    if (this.#next !== null) this.#abandon(this.#next);
    this.#rebinding = rebinding;
    this.#next = this.#startGeneration(read.loaded, "reload", read.zygote);
  }

  /** Settings that are being read are not waited for any more. */
  #abandonReading(): void {
    this.#readings++;
    this.#reader?.kill();
    this.#reader = null;
  }

  /** Starts a second arbiter on the same sockets (USR2). */
  upgrade(): void {
    if (this.#state === "stopping") return;
    this.#current.callHook("pre_exec");
    this.#options.upgrade.begin(this.#listeners);
  }

  /** Accepts no more, finishes what has begun, and has no workers then (WINCH); HUP or TTIN bring them back. */
  rest(): void {
    if (this.#state !== "serving" || this.#isResting) return;
    this.#log.info("graceful stop of workers");
    this.#isResting = true;
    this.#gateways.rest();
  }

  #onRested(): void {
    if (!this.#isResting || this.#state === "stopping") return;
    this.#current.retarget(0);
  }

  #wake(): void {
    if (!this.#isResting) return;
    this.#isResting = false;
    this.#gateways.resume();
  }

  /** One worker more or less (TTIN, TTOU); at least one stays. */
  scale(by: 1 | -1): void {
    if (this.#state === "stopping" || (this.#isResting && by < 0)) return;
    this.#wake();
    const target = this.#current.target + by;
    if (target >= 1) this.#current.retarget(target);
  }

  /** What the control socket answers from. */
  get #controlled(): Controlled {
    const { life, listeners } = this.#options;
    return {
      workers: () =>
        workerStatus(this.#children, this.#scoreboard, (work) => this.#gateways.describeAll(work)),
      stats: () => ({
        uptime: Math.round(process.uptime() * 100) / 100,
        pid: process.pid,
        workers_current: this.#children.size,
        workers_target: this.#current.target,
        workers_spawned: this.#children.everAdded,
        workers_killed: this.#children.everAdded - this.#children.size,
        reloads: this.#reloads,
        dirty_arbiter_pid: null,
      }),
      listeners: () => listenerFacts(listeners, this.#addresses),
      config: () => this.#current.loaded.settings,
      reload: () => this.reload(),
      reloaded: () => nextReload(life),
      reopenLogs: () => this.reopenLogs(),
      stop: (quick) => this.stop(quick),
      scale: (by) => this.#scaleTo(this.#current.target + by),
      retire: (pid) => this.#retire(pid),
    };
  }

  #scaleTo(wanted: number): { readonly previous: number; readonly total: number } {
    const previous = this.#current.target;
    const total = Math.max(1, wanted);
    if (this.#state !== "stopping" && total !== previous) this.#current.retarget(total);
    return { previous, total };
  }

  #retire(pid: number): boolean {
    const worker = this.#children.byPid(pid);
    const generation = [...this.#generations].find(({ number }) => number === worker?.generation);
    if (worker === undefined || generation === undefined) return false;
    generation.retire(worker);
    return true;
  }

  /** After log rotation (USR1, HUP). */
  reopenLogs(): void {
    try {
      // Where others write them, they may not be able to create them.
      prepareLogFiles(this.#options.loaded.settings, this.#options.identity);
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
    if (quick && this.#isQuick) this.#stopNow();
    else if (quick) this.#stopQuickly();
    else if (this.#state === "serving" && !this.#isResting && this.#drainDelay === null) this.#delayStop();
    else if (this.#state !== "stopping") this.#stopGracefully();
  }

  /** Clients are still accepted for a while: a load balancer needs time to notice. The second TERM finds `#drainDelay` set. */
  #delayStop(): void {
    const { drain_delay } = this.#current.loaded.settings;
    if (drain_delay === 0) {
      this.#stopGracefully();
      return;
    }
    this.#log.info(`Stopping in ${drain_delay} s; connections are accepted until then`);
    this.#gateways.announceLeaving();
    this.#drainDelay = setTimeout(() => this.#stopGracefully(), drain_delay * 1e3);
  }

  #stopGracefully(): void {
    this.#beginStop(this.#current.loaded.settings.graceful_timeout * 1e3);
    this.#gateways.drain();
  }

  #stopQuickly(): void {
    if (this.#state === "stopping") this.#log.info("Quick shutdown requested");
    this.#isQuick = true;
    this.#beginStop(QUICK_STOP_MS);
    this.#gateways.leave();
  }

  #beginStop(limitMs: number): void {
    // Now, not at the end: whoever comes is refused, and does not wait for an answer that nobody will give.
    if (this.#state !== "stopping") {
      // What another arbiter serves on stays; the system closes this one's share when it leaves.
      if (!this.#options.upgrade.hasPartner) {
        for (const listener of this.#listeners) listener.close();
      }
      this.#options.life.onStopping();
    }
    this.#state = "stopping";
    this.#abandonReading();
    if (this.#drainDelay !== null) clearTimeout(this.#drainDelay);
    if (this.#next !== null) this.#abandon(this.#next);
    this.#current.isLast = this.#current.loaded.settings.on_exit !== null;
    setTimeout(() => this.#stopNow(), limitMs);
  }

  /** The time for a graceful stop is over. */
  #stopNow(): void {
    this.#isQuick = true; // what is killed here is not started again
    this.#gateways.kill();
    for (const generation of this.#generations) generation.kill();
    setTimeout(() => this.#end(), KILL_GRACE_MS).unref();
  }

  /** No client is left: the workers may go. */
  #onDrained(): void {
    this.#isDrained = true;
    for (const generation of this.#generations) {
      if (this.#isQuick) for (const worker of generation.workers) generation.signal(worker, "SIGQUIT");
      generation.retireAll();
    }
    this.#endWhenAlone();
  }

  #endWhenAlone(): void {
    const isAlone = [...this.#generations].every((generation) => generation.isSpent);
    if (this.#isDrained && isAlone) this.#end();
  }

  onSpent(): void {
    this.#endWhenAlone();
  }

  /** Nothing that dies is started again. A graceful stop may still need workers: requests wait for them. */
  get #isLeaving(): boolean {
    return this.#isQuick || this.#isDrained;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const level = this.#exitCode === 0 ? "info" : "error";
    this.#log.write(level, `Shutting down: Master${this.#options.upgrade.suffix}`);
    if (this.#exitReason !== "") this.#log.write(level, `Reason: ${this.#exitReason}`);
    this.#options.pidfile?.remove();
    const last = [...this.#generations].find(({ isLast }) => isLast);
    if (last === undefined) {
      this.#leave();
    } else {
      last.farewell();
      setTimeout(() => this.#leave(), QUICK_STOP_MS);
    }
  }

  #leave(): void {
    if (this.#queueFd >= 0) closeSync(this.#queueFd);
    this.#directory.remove();
    this.#options.exit(this.#exitCode);
  }

  /** The start failed: everything leaves, with this exit code. */
  #halt(code: number, reason: string): void {
    if (this.#state === "stopping") return;
    this.#exitCode = code;
    this.#exitReason = reason;
    this.stop(true);
  }

  // -- starting ---------------------------------------------------------------------------------------------

  #startGeneration(loaded: Loaded, occasion: Occasion, zygote: Zygote | null): Generation {
    const generation = new Generation(
      ++this.#lastGeneration,
      loaded,
      this.#directory,
      this.#options.argv,
      this.#children,
      this,
      {
        zygote,
        occasion,
        oldWorkers: occasion === "reload" ? this.#current.target : null,
        listeners: this.#addresses,
      },
    );
    this.#generations.add(generation);
    return generation;
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
      this.#queueFd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    }
    this.#gateways.openQueue();
    // The first generation waits until clients can connect, so that the log tells the start in its usual order.
    this.#zygoteBackOff.reset();
    if (this.#hasAnnounced) this.onVacancy(generation);
    else this.#announce();
  }

  get #addresses(): string[] {
    return this.#listeners.map(({ address, info: { kind, host, port } }) =>
      formatAddress(kind === "tcp" ? { kind, host, port } : address),
    );
  }

  #onListening(): void {
    this.#isListening = true;
    this.#announce();
  }

  #announce(): void {
    if (this.#hasAnnounced || !this.#isListening || this.#state === "stopping") return;
    // What on_starting has to say comes first.
    if (this.#options.zygote !== null && !this.#current.isPrepared) return;
    this.#hasAnnounced = true;
    this.#log.info(`Listening at: ${this.#addresses.join(",")} (${process.pid})`);
    this.#log.info(`Using worker: ${this.#options.loaded.resolved.workerClassName}`);
    this.#current.callHook("when_ready");
    this.#current.manage();
  }

  onReady(generation: Generation, _worker: Worker): void {
    this.#gateways.setCapacity(this.#children.capacity);
    if (generation.readyCount < generation.target) return;
    this.#backOff.reset();
    if (generation === this.#next) this.#takeOver(generation);
    else if (this.#state === "starting") this.#onServing();
  }

  #onServing(): void {
    this.#state = "serving";
    this.#options.life.onServing();
    const { settings, resolved } = this.#options.loaded;
    if (
      !isatty(process.stderr.fd) ||
      settings.errorlog !== "-" ||
      !["debug", "info"].includes(resolved.logLevel)
    )
      return;
    const screen = startScreen({
      version: VERSION,
      app: resolved.app,
      addresses: this.#addresses,
      workers: settings.workers,
      threads: settings.threads,
      workerClass: resolved.workerClass,
      python: resolved.python,
      pythonVersion: this.#current.pythonVersion,
      pid: process.pid,
      loglevel: resolved.logLevel,
      timeout: settings.timeout,
      cores: availableParallelism(),
      isRoot: process.geteuid?.() === 0 && settings.user === 0,
    });
    process.stderr.write(screen);
  }

  #takeOver(generation: Generation): void {
    const old = this.#current;
    this.#current = generation;
    this.#next = null;
    this.#state = "serving";
    this.#setLogs(generation);
    this.#log.info(
      `Generation ${generation.number} is ready; generation ${old.number} finishes its requests`,
    );
    old.retireAll();
    this.#renewGateways(generation.loaded);
    this.#options.life.onReloaded(null);
    this.#gateways.setCapacity(this.#children.capacity);
  }

  /** What of the new settings is theirs. */
  #renewGateways(loaded: Loaded): void {
    const rebinding = this.#rebinding;
    this.#rebinding = null;
    if (rebinding?.isChange) {
      this.#listeners = rebinding.listeners;
      rebinding.finish();
      this.#log.info(`Listening at: ${this.#addresses.join(",")}`);
    }
    this.#gateways.renew(gatewaySettings(loaded), this.#listeners);
  }

  #dropRebinding(): void {
    this.#rebinding?.undo();
    this.#rebinding = null;
  }

  /** A reload that came to nothing. */
  #abandon(generation: Generation): void {
    if (this.#next === generation) {
      this.#next = null;
      this.#dropRebinding();
    }
    generation.kill();
  }

  // -- what dies --------------------------------------------------------------------------------------------

  onExited(generation: Generation, worker: Worker, code: number, signal: number): void {
    const isExpected = worker.state === "retiring" || worker.state === "lost" || generation.isClosing;
    const exit = describeExit(worker.pid, code, signal, isExpected);
    this.#log.write(exit.level, exit.message);
    const actions = this.#forget(worker, exit.reason);
    generation.closeWhenEmpty();
    if (generation.isClosing || this.#isLeaving) return;
    if (actions.includes("boot failed")) this.#onBootFailed(generation, code);
    else this.#fillVacancy(generation);
  }

  /** A signal that came before this death is told only at the end of this turn of the event loop. */
  #fillVacancy(generation: Generation): void {
    setImmediate(() => {
      if (this.#state === "stopping") setTimeout(() => this.onVacancy(generation), STOPPING_PAUSE_MS);
      else this.onVacancy(generation);
    });
  }

  #onBootFailed(generation: Generation, code: number): void {
    if (generation === this.#next) {
      this.#onReloadFailed(`a new worker did not start. Generation ${this.#current.number} serves on.`);
      this.#abandon(generation);
      return;
    }
    const isFirst = this.#state === "starting" && generation.readyCount === 0;
    if (isFirst && code === EXIT_BOOT_FAILED) this.#halt(code, "Worker failed to boot.");
    else if (isFirst && code === EXIT_APP_NOT_FOUND) this.#halt(code, "App failed to load.");
    else this.#manageAfterPause(generation);
  }

  onForkFailed(generation: Generation, error: string): void {
    this.#log.error(`Cannot fork a worker: ${error}`);
    this.#manageAfterPause(generation);
  }

  onHookFailed(generation: Generation, name: string): void {
    if (generation === this.#next) {
      this.#onReloadFailed(
        `the hook ${name} raised an exception. Generation ${this.#current.number} serves on.`,
      );
      this.#abandon(generation);
    } else if (name === "on_exit") {
      this.#exitCode = 1;
    } else if (generation === this.#current) {
      this.#halt(name === "when_ready" ? 1 : EXIT_HOOK_FAILED, `The hook ${name} raised an exception.`);
    }
  }

  onConfigurationFailed(text: string): void {
    this.#log.error(text.trim());
  }

  #manageAfterPause(generation: Generation): void {
    this.#backOff.failed(() => {
      if (!this.#isLeaving) generation.manage();
    });
  }

  /** Where workers do not boot, none is forked for another reason either before the pause is over. */
  onVacancy(generation: Generation): void {
    if (!this.#isLeaving && !this.#backOff.isWaiting) generation.manage();
  }

  onGone(generation: Generation, reason: string): void {
    for (const worker of generation.workers)
      this.#forget(worker, `was lost with its zygote, which ${reason}`);
    this.#generations.delete(generation);
    if (this.#hasEnded) {
      if (generation.isLast) this.#leave();
      return;
    }
    if (this.#isLeaving) this.#endWhenAlone();
    else if (generation === this.#next) this.#onNextGone(reason);
    else if (generation === this.#current) this.#onCurrentGone(generation, reason);
  }

  #onNextGone(reason: string): void {
    this.#next = null;
    this.#dropRebinding();
    this.#onReloadFailed(`the new zygote ${reason}. Generation ${this.#current.number} serves on.`);
  }

  #onReloadFailed(problem: string): void {
    this.#log.error(`Reload failed: ${problem}`);
    this.#options.life.onReloaded(problem);
  }

  #onCurrentGone(generation: Generation, reason: string): void {
    if (!generation.isPrepared && this.#state === "starting") {
      this.#halt(1, `Python ${generation.loaded.resolved.python} ${reason}`);
      return;
    }
    this.#log.error(
      `Zygote (pid:${generation.zygotePid}) ${reason}; its workers are lost. Starting another.`,
    );
    const { loaded, target } = generation;
    const restart = (): void => {
      // A reload may have put another in its place.
      if (this.#isLeaving || this.#current !== generation) return;
      this.#current = this.#startGeneration(loaded, "restart", null);
      this.#current.target = target;
    };
    if (generation.isPrepared) setImmediate(restart);
    else this.#zygoteBackOff.failed(restart);
  }

  /** Takes the worker off the registry, and tells the gateways what it leaves undone. */
  #forget(worker: Worker, reason: string): readonly WorkerAction[] {
    const work = this.#unfinishedWork(worker);
    const { age, pid } = worker;
    this.#supervision.forget(worker);
    const actions = this.#children.happened(worker, "exited");
    this.#gateways.setCapacity(this.#children.capacity);
    if (worker.hasBooted) this.#gateways.order({ type: "forget-worker", age, pid, reason, work });
    return actions;
  }

  #unfinishedWork(worker: Worker): UnfinishedWork[] {
    const now = monotonicMs();
    return this.#scoreboard
      .read(worker.slot, worker.threads)
      .filter((slot) => slot.age === worker.age && slot.state === SLOT_BUSY)
      .map(({ gateway, ticket, startedMs }) => ({ gateway, ticket, ranMs: now - startedMs }));
  }

  #supervise(): Supervision {
    const supervision = new Supervision({
      children: this.#children,
      scoreboard: this.#scoreboard,
      gateways: this.#gateways,
      log: this.#log,
      runDirectory: this.#directory.path,
      generation: (number) => [...this.#generations].find((each) => each.number === number),
      serving: () => (this.#state === "serving" && this.#next === null ? this.#current : null),
    });
    setInterval(() => supervision.look(), LOOK_MS);
    return supervision;
  }
}
