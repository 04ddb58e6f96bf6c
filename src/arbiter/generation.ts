/**
 * One generation: a zygote and the workers it has forked, all with the same settings and the same code. A reload starts
 * the next generation beside the current one.
 *
 * Runs in: arbiter.
 */
import { constants } from "node:os";
import { formatAddress } from "../settings/addresses.ts";
import type { Loaded } from "../settings/load.ts";
import { PythonObject } from "../settings/python-object.ts";
import type { Setting } from "../settings/setting.ts";
import { SETTINGS } from "../settings/table.ts";
import { VERSION } from "../version.ts";
import { BackOff } from "./back-off.ts";
import type { Children, Worker } from "./children.ts";
import { pythonLogSettings } from "./gateway-settings.ts";
import { Retirement } from "./retirement.ts";
import type { RunDirectory } from "./run-directory.ts";
import type { Step, Steps } from "./steps.ts";
import type { WorkerAction } from "./worker-states.ts";
import { Zygote } from "./zygote.ts";
import type { ImportedFile, Occasion, ZygoteReport, ZygoteSettings } from "./zygote-messages.ts";

export interface GenerationStart {
  /** Has executed the configuration file; null when there is none, or another one has to. */
  readonly zygote: Zygote | null;
  /** Those before it. */
  readonly steps: Steps;
  readonly occasion: Occasion;
  readonly oldWorkers: number | null;
  readonly listeners: readonly string[];
}

export interface GenerationEvents {
  /** Its log process can be connected to. Before anything else of the generation. */
  onLogOpened(generation: Generation): void;
  /** The zygote can fork. */
  onPrepared(generation: Generation): void;
  onReady(generation: Generation, worker: Worker): void;
  /** With --reload. */
  onImported(generation: Generation, files: readonly ImportedFile[]): void;
  /** A worker leaves, and another is to take its place. */
  onVacancy(generation: Generation): void;
  /** `signal` is 0 when the worker exited by itself. The worker is still in the registry. */
  onExited(generation: Generation, worker: Worker, code: number, signal: number): void;
  onForkFailed(generation: Generation, error: string): void;
  /** It was told to leave, has had so long for it, s, and is killed. `who`: "Zygote (pid:81)". */
  onOverstayed(who: string, graceSeconds: number): void;
  /** A hook of the master has raised, or the configuration file, executed again, has. The log has told of hooks. */
  onHookFailed(generation: Generation, name: string): void;
  onConfigurationFailed(text: string): void;
  /** See `isSpent`. */
  onSpent(): void;
  /** Bytes that are no report came from the zygote. */
  onGarbage(generation: Generation, line: string): void;
  /** Handling one thing has failed. */
  onFault(what: string, error: unknown): void;
  /** The zygote is gone, and its workers with it; they are still in the registry. */
  onGone(generation: Generation, reason: string): void;
}

export class Generation {
  readonly number: number;
  readonly loaded: Loaded;
  /** Where its workers find the queue. */
  readonly directory: RunDirectory;
  /** How many workers it should have. */
  target: number;
  isPrepared = false;
  readonly retirement: Retirement;
  /** Of its workers; the next generation may be the remedy, and does not wait. */
  readonly backOff = new BackOff();
  /** Up to the first worker that is ready. */
  readonly steps: Steps;
  /** Known once it is prepared. */
  pythonVersion = "";
  /** Where its log process listens; null without one. */
  logPath: string | null = null;
  /** With --reload: since when its workers serve a page that shows why, in seconds since the epoch. */
  importFailed: number | null = null;
  /** With --reload: where its code is, as far as that is known. */
  readonly imported = new Map<string, number>();
  /** It is told to leave, or has left: forks no more. */
  isClosing = false;
  /** No other will follow, and its zygote has a hook to call at the very end. */
  isLast = false;
  readonly #children: Children;
  readonly #events: GenerationEvents;
  readonly #zygote: Zygote;
  #hasForked = false;
  /** Runs once the zygote is dismissed. */
  #leaveTimer: NodeJS.Timeout | null = null;

  constructor(
    number: number,
    loaded: Loaded,
    directory: RunDirectory,
    argv: readonly string[],
    children: Children,
    events: GenerationEvents,
    start: GenerationStart,
  ) {
    this.number = number;
    this.loaded = loaded;
    this.directory = directory;
    this.target = loaded.settings.workers;
    this.retirement = new Retirement(loaded.settings);
    this.#children = children;
    this.#events = events;
    const { python, launchDirectory } = loaded.resolved;
    this.steps = start.steps;
    this.steps.begin(start.zygote === null ? "interpreter" : this.#preparation);
    this.#zygote = start.zygote ?? new Zygote(python, argv, launchDirectory);
    this.#zygote.listen({
      onReport: (report) => this.#guard("handling a report of the zygote", () => this.#onReport(report)),
      onGarbage: (line) => events.onGarbage(this, line),
      onGone: (reason) => {
        this.isClosing = true;
        if (this.#leaveTimer !== null) clearTimeout(this.#leaveTimer);
        this.#guard("handling the end of a zygote", () => events.onGone(this, reason));
      },
    });
    // In the place of one that died: nobody has executed the file here, and what it sets is known.
    if (start.zygote === null && loaded.file?.kind === "python") this.#zygote.execute(loaded.file);
    this.#zygote.order({ type: "start", settings: zygoteSettings(loaded, number, directory, start) });
  }

  #guard(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#events.onFault(what, error);
    }
  }

  /** Has a hook of the master called, if there is one. */
  callHook(name: "when_ready" | "on_exit" | "pre_exec"): void {
    if (this.loaded.settings[name] !== null) this.#zygote.order({ type: "hook", name });
  }

  /** As many workers from now on, which a hook may want to know. */
  retarget(workers: number): void {
    const old = this.target;
    this.target = workers;
    this.#zygote.order({ type: "hook", name: "nworkers_changed", workers, old_workers: old });
    this.manage();
  }

  /** It is the last one, its workers are gone, and its zygote waits for `farewell`. */
  get isSpent(): boolean {
    return this.isLast && this.isClosing && this.workers.length === 0;
  }

  /** The last hook; then the zygote leaves. */
  farewell(): void {
    this.callHook("on_exit");
    this.#zygote.dismiss();
  }

  get #preparation(): Step {
    return this.loaded.settings.preload_app ? "import" : "preparation";
  }

  get zygotePid(): number {
    return this.#zygote.pid;
  }

  get workers(): Worker[] {
    return this.#children.of(this.number);
  }

  get readyCount(): number {
    return this.#children.of(this.number, "ready").length;
  }

  /** Forks what is missing, retires what is too much, the oldest first. */
  manage(): void {
    if (this.isClosing || !this.isPrepared) return;
    const active = this.#children.of(this.number, "forking", "booting", "ready");
    for (let missing = this.target - active.length; missing > 0; missing--) if (!this.#fork()) break;
    for (const worker of active.slice(0, Math.max(0, active.length - this.target))) this.retire(worker);
    this.#retireReplaced();
  }

  /** It claims until its successor is ready. */
  replace(worker: Worker): void {
    this.#act(worker, this.#children.happened(worker, "replace"));
  }

  retire(worker: Worker): void {
    this.#act(worker, this.#children.happened(worker, "retire"));
  }

  /** It claims no more, although nobody has told it to. */
  withdrew(worker: Worker): void {
    this.#act(worker, this.#children.happened(worker, "withdrew"));
  }

  /** A thread of it is stuck for good. */
  lose(worker: Worker): void {
    this.#act(worker, this.#children.happened(worker, "lose"));
  }

  #act(worker: Worker, actions: readonly WorkerAction[]): void {
    if (actions.includes("order to retire")) this.#zygote.order({ type: "retire", pid: worker.pid });
    if (actions.includes("fork what is missing")) this.#events.onVacancy(this);
  }

  /** Successors are ready: as many of those they replace may leave, the oldest first. */
  #retireReplaced(): void {
    const claiming = this.#children.of(this.number, "ready", "replacing");
    const replaced = this.#children.of(this.number, "replacing");
    for (const worker of replaced.slice(0, Math.max(0, claiming.length - this.target))) this.retire(worker);
  }

  /** Its thread on this slot gets a RequestTimeout, if it is still on this ticket. */
  interrupt({ pid }: Worker, slot: number, gateway: number, ticket: number): void {
    this.#zygote.order({ type: "interrupt", pid, slot, gateway, ticket });
  }

  /** Also when it is stuck in C code. */
  writeStacks({ pid }: Worker): void {
    this.#zygote.order({ type: "write-stacks", pid });
  }

  /** Every worker finishes what it has claimed; then the zygote leaves. */
  retireAll(): void {
    this.isClosing = true;
    for (const worker of this.workers) this.retire(worker);
    this.closeWhenEmpty();
  }

  /** Every worker leaves at once; then the zygote. */
  quitAll(): void {
    this.isClosing = true;
    for (const worker of this.workers) {
      this.signal(worker, "SIGQUIT");
      this.#act(worker, this.#children.happened(worker, "quit"));
    }
    this.closeWhenEmpty();
  }

  /** To be called after a worker of a closing generation was removed. */
  closeWhenEmpty(): void {
    if (this.isSpent) this.#events.onSpent();
    else if (this.isClosing && this.workers.length === 0) this.#letGo();
  }

  /** The zygote first: what it forks from now on has the new files. */
  reopenLogs(): void {
    this.#zygote.order({ type: "reopen-logs" });
    for (const worker of this.workers) this.signal(worker, "SIGUSR1");
  }

  /**
   * The zygote may still be about to call child_exit for the last worker, and has `atexit` with --preload. One that is still
   * importing reads no orders.
   */
  #letGo(): void {
    if (!this.isPrepared) this.#zygote.close();
    else if (this.#leaveTimer === null) this.#dismiss();
  }

  #dismiss(): void {
    this.#zygote.dismiss();
    const { graceful_timeout } = this.loaded.settings;
    this.#leaveTimer = setTimeout(() => {
      this.#events.onOverstayed(`Zygote (pid:${this.zygotePid})`, graceful_timeout);
      this.#zygote.kill();
    }, graceful_timeout * 1e3);
    this.#leaveTimer.unref();
  }

  /** Has the kernel let workers finish their turn before one of these goes on (docs/decisions/0015-batch-scheduling.md). */
  runAsBatch(pids: readonly number[]): void {
    if (!this.isPrepared) return;
    for (const pid of pids) this.#zygote.order({ type: "run-as-batch", pid });
  }

  signal(worker: Worker, signal: "SIGABRT" | "SIGKILL" | "SIGQUIT" | "SIGUSR1"): void {
    if (worker.pid > 0)
      this.#zygote.order({ type: "kill", pid: worker.pid, signal: constants.signals[signal] });
  }

  /** At once, workers included. The last zygote stays for the last hook. */
  kill(): void {
    this.isClosing = true;
    if (!this.isLast) this.#zygote.kill();
    else for (const worker of this.workers) this.signal(worker, "SIGKILL");
  }

  /** False when there is no room: those of older generations have yet to leave. */
  #fork(): boolean {
    if (this.workers.length === 0 && !this.#hasForked) this.steps.begin("fork");
    const { threads } = this.loaded.settings;
    const worker = this.#children.maybeAdd(this.number, threads);
    if (worker === null)
      this.#events.onForkFailed(this, `the scoreboard has no room for ${threads} more thread(s)`);
    else this.#zygote.order({ type: "fork", age: worker.age, slot: worker.slot });
    return worker !== null;
  }

  #onReport(report: ZygoteReport): void {
    switch (report.type) {
      case "hello":
        this.steps.begin(this.#preparation);
        return;
      case "configured":
        return;
      case "configuration-failed":
        this.#events.onConfigurationFailed(report.text);
        return;
      case "hook-failed":
        this.#onHookFailed(report.name, report.age);
        return;
      case "log-opened":
        this.logPath = report.path;
        this.#events.onLogOpened(this);
        return;
      case "prepared":
        this.isPrepared = true;
        this.steps.end();
        this.pythonVersion = report.python;
        this.#events.onPrepared(this);
        return;
      case "forked":
        this.#onForked(report.age, report.pid);
        return;
      case "fork-failed":
        this.#onForkFailed(report.age, report.error);
        return;
      case "ready": {
        const worker = this.#children.ready(report.pid);
        if (worker === undefined) return;
        this.steps.end();
        this.#events.onReady(this, worker);
        this.#retireReplaced();
        return;
      }
      case "imported":
        for (const [path, modified] of report.files) this.imported.set(path, modified);
        this.#events.onImported(this, report.files);
        return;
      case "import-failed":
        this.importFailed = report.time;
        return;
      case "exited": {
        const worker = this.#children.byPid(report.pid);
        if (worker !== undefined) this.#events.onExited(this, worker, report.code, report.signal);
        return;
      }
      default:
        report satisfies never;
    }
  }

  #onForked(age: number, pid: number): void {
    const worker = this.#children.byAge(age);
    if (worker === undefined) return;
    if (!this.#hasForked) this.steps.begin("import");
    this.#hasForked = true;
    this.#act(worker, this.#children.forked(age, pid));
  }

  #onHookFailed(name: string, age: number | undefined): void {
    const worker = age === undefined ? undefined : this.#children.byAge(age);
    if (worker !== undefined) this.#children.remove(worker);
    this.#events.onHookFailed(this, name);
  }

  #onForkFailed(age: number, error: string): void {
    const worker = this.#children.byAge(age);
    if (worker !== undefined) this.#children.remove(worker);
    this.#events.onForkFailed(this, error);
  }
}

export function zygoteSettings(
  { settings, resolved }: Loaded,
  generation: number,
  { path, identity }: Pick<RunDirectory, "path" | "identity">,
  { occasion, oldWorkers, listeners }: Omit<GenerationStart, "zygote" | "steps">,
): ZygoteSettings {
  return {
    run_directory: path,
    generation,
    app_uri: resolved.app,
    launch_directory: resolved.launchDirectory,
    chdir: settings.chdir,
    pythonpath: resolved.pythonPath,
    environment: resolved.environment,
    workers: settings.workers,
    threads: settings.threads,
    multithread: resolved.workerClass === "gthread",
    preload_app: settings.preload_app,
    reload: settings.reload,
    log: pythonLogSettings({ settings, resolved }),
    server_software: `tunicorn/${VERSION}`,
    // Not the settings': after a reload they may be others, but the run directory is still of the first.
    uid: identity?.uid ?? process.geteuid?.() ?? 0,
    gid: identity?.gid ?? process.getegid?.() ?? 0,
    initgroups: identity?.initgroups ?? false,
    process_name: resolved.processName,
    cfg: plainSettings({ settings, resolved }),
    listeners,
    occasion,
    old_workers: oldWorkers,
  };
}

/** For hooks, which know Gunicorn's `cfg`. What only Python can hold is there already. */
function plainSettings({
  settings,
  resolved,
}: Pick<Loaded, "settings" | "resolved">): Record<string, unknown> {
  const plain = Object.entries(settings)
    .filter(([, value]) => !(value instanceof PythonObject))
    .map(([name, value]) => [name, value === null && isHook(name) ? { $hook: null } : value]);
  return {
    ...Object.fromEntries(plain),
    proc_name: resolved.processName,
    worker_class_str: resolved.workerClassName,
    address: resolved.listen.map((address) =>
      address.kind === "tcp" ? [address.host, address.port] : formatAddress(address),
    ),
    env: resolved.environment,
    uid: settings.user,
    gid: settings.group,
    is_ssl: settings.certfile ?? settings.keyfile,
  };
}

function isHook(name: string): boolean {
  const settings: Readonly<Record<string, Setting<unknown>>> = SETTINGS;
  return settings[name]?.hook !== undefined;
}
