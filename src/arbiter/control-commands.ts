/**
 * The commands of the control socket: Gunicorn's, with its answers, and `status` and `reload wait`, which are ours.
 *
 * Runs in: arbiter.
 */
import { splitShellWords } from "../cli/shell-words.ts";

/** One worker, as `status` shows it. Times in seconds. */
export interface WorkerStatus {
  readonly pid: number;
  readonly age: number;
  readonly generation: number;
  /** forking, booting, ready, retiring */
  readonly state: string;
  readonly requests: number;
  /** Resident, in bytes; null when it cannot be read. */
  readonly memory: number | null;
  /** What its threads are on. */
  readonly work: readonly { readonly request: string | null; readonly seconds: number }[];
}

export interface Stats {
  readonly uptime: number;
  readonly pid: number;
  readonly workers_current: number;
  readonly workers_target: number;
  readonly workers_spawned: number;
  readonly workers_killed: number;
  readonly reloads: number;
  readonly dirty_arbiter_pid: null;
}

/** What can be asked of the arbiter. */
export interface Controlled {
  workers(): Promise<WorkerStatus[]>;
  stats(): Stats;
  listeners(): { readonly address: string; readonly fd: number; readonly type: string }[];
  config(): Readonly<Record<string, unknown>>;
  reload(): void;
  /** Resolves when the reload that is going on is over: null, or what went wrong. */
  reloaded(): Promise<string | null>;
  reopenLogs(): void;
  stop(quick: boolean): void;
  /** Returns the number of workers wanted before and now. Throws Error when there is no room for them. */
  scale(by: number): { readonly previous: number; readonly total: number };
  /** False when there is no such worker. */
  retire(pid: number): boolean;
}

const HELP: Readonly<Record<string, string>> = {
  status: "Show each worker: state, requests, memory, and what it is on",
  "show all": "Show all processes",
  "show workers": "List the workers",
  "show dirty": "There are no dirty workers",
  "show config": "Show the settings",
  "show stats": "Show statistics",
  "show listeners": "Show the listening sockets",
  "worker add [N]": "Start N workers more (default 1)",
  "worker remove [N]": "Retire N workers (default 1)",
  "worker kill <PID>": "Retire this worker; another takes its place",
  "reload [wait]": "Load the settings and the code anew (HUP)",
  reopen: "Reopen the log files (USR1)",
  "shutdown [graceful|quick]": "Stop (TERM, INT)",
  help: "Show this list",
};

/** Throws Error with what is wrong with the command. */
export async function execute(
  controlled: Controlled,
  command: string,
  args: readonly unknown[],
): Promise<unknown> {
  const [name = "", ...words] = [...splitShellWords(command), ...args.map(String)];
  switch (name.toLowerCase()) {
    case "":
      throw new Error("Empty command");
    case "status":
      return { ...controlled.stats(), workers: await controlled.workers() };
    case "show":
      return show(controlled, words);
    case "worker":
      return worker(controlled, words);
    case "reload":
      return reload(controlled, words[0] === "wait");
    case "reopen":
      controlled.reopenLogs();
      return { status: "reopening" };
    case "shutdown": {
      const mode = words[0] ?? "graceful";
      // The answer goes out first.
      setImmediate(() => controlled.stop(mode === "quick"));
      return { status: "shutting_down", mode };
    }
    case "dirty":
      return { success: false, error: "Dirty arbiter not running" };
    case "help":
      return { commands: HELP };
    default:
      throw new Error(`Invalid argument: Unknown command: ${name.toLowerCase()}`);
  }
}

async function show(controlled: Controlled, [what]: readonly string[]): Promise<unknown> {
  switch (what?.toLowerCase()) {
    case undefined:
      throw new Error("Invalid argument: Missing show target (all|workers|dirty|config|stats|listeners)");
    case "all": {
      const web_workers = (await controlled.workers()).map((each) => ({ ...asGunicorn(each), type: "web" }));
      return {
        arbiter: { pid: controlled.stats().pid, type: "arbiter", role: "master" },
        web_workers,
        web_worker_count: web_workers.length,
        dirty_arbiter: null,
        dirty_workers: [],
        dirty_worker_count: 0,
      };
    }
    case "workers": {
      const workers = (await controlled.workers()).map(asGunicorn);
      return { workers, count: workers.length };
    }
    case "dirty":
      return { enabled: false, pid: null, workers: [], apps: [] };
    case "config":
      return controlled.config();
    case "stats":
      return controlled.stats();
    case "listeners": {
      const listeners = controlled.listeners();
      return { listeners, count: listeners.length };
    }
    default:
      throw new Error(`Invalid argument: Unknown show target: ${what}`);
  }
}

/** There is no heartbeat: null is shown as "n/a". */
function asGunicorn({ pid, age, state }: WorkerStatus): Record<string, unknown> {
  return {
    pid,
    age,
    booted: state !== "forking" && state !== "booting",
    aborted: false,
    last_heartbeat: null,
  };
}

function worker(controlled: Controlled, [action, word]: readonly string[]): unknown {
  switch (action?.toLowerCase()) {
    case undefined:
      throw new Error("Invalid argument: Missing worker action (add|remove|kill)");
    case "add": {
      const added = count(word);
      return { added, ...controlled.scale(added) };
    }
    case "remove": {
      const { previous, total } = controlled.scale(-count(word));
      return { removed: previous - total, previous, total };
    }
    case "kill": {
      if (word === undefined) throw new Error("Invalid argument: Missing PID for worker kill");
      const pid = Number(word);
      if (!controlled.retire(pid)) return { success: false, error: `Worker ${word} not found` };
      return { success: true, killed: pid };
    }
    default:
      throw new Error(`Invalid argument: Unknown worker action: ${action}`);
  }
}

function count(word = "1"): number {
  if (!/^-?\d+$/.test(word))
    throw new Error(`Invalid argument: invalid literal for int() with base 10: '${word}'`);
  return Math.min(Math.max(1, Number(word)), Number.MAX_SAFE_INTEGER);
}

async function reload(controlled: Controlled, waits: boolean): Promise<unknown> {
  const reloaded = waits ? controlled.reloaded() : null;
  controlled.reload();
  if (reloaded === null) return { status: "reloading" };
  const problem = await reloaded;
  return problem === null ? { status: "reloaded" } : { status: "failed", problem };
}
