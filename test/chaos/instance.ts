/**
 * The Tunicorn of a chaos round: its files, its arbiters, and its processes as the system knows them.
 *
 * Rules: processes are found by who started them, from the arbiter down, so that nothing depends on what they log or call
 * themselves. Only processes below our own child are ever signalled.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { livingGroup, runDirectories } from "../server/support/server.ts";
import type { Address } from "../support/client.ts";
import { Printed } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import type { Started } from "./ledger.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const APPS = join(import.meta.dirname, "app");
const VENV = join(ROOT, ".venv");

export interface Plan {
  readonly workers: number;
  readonly threads: number;
  readonly preload: boolean;
  /** Lines of the configuration file about retirement. */
  readonly retirement: string;
  /** Seconds a request may take. */
  readonly timeout: number;
  /** How many descriptors a process may have; 0 for as many as usual. */
  readonly descriptors: number;
}

export interface Processes {
  readonly gateways: readonly number[];
  readonly zygotes: readonly number[];
  readonly workers: readonly number[];
}

export class Instance {
  readonly plan: Plan;
  readonly directory: string;
  readonly log = new Printed();
  /** Of the arbiter that was started first. */
  readonly exit: Promise<number | null>;
  /** All that have served. */
  readonly arbiters: number[] = [];
  readonly #process: ChildProcess;
  #version = 0;
  #keepalive = 5;

  /** `spool`: where large bodies go. */
  constructor(plan: Plan, spool: string) {
    this.plan = plan;
    this.directory = mkdtempSync(join(tmpdir(), "chaos-"));
    this.writeApplication();
    this.writeConfiguration(spool);
    const words = [join(ROOT, "bin/tunicorn"), "--config", this.#configuration, "current"];
    const limit = plan.descriptors > 0 ? `ulimit -n ${plan.descriptors}; ` : "";
    this.#process = spawn("sh", ["-c", `${limit}exec "$@"`, "sh", ...words], {
      cwd: this.directory,
      env: {
        PATH: `${join(VENV, "bin")}:/usr/local/bin:/usr/bin:/bin`,
        VIRTUAL_ENV: VENV,
        LANG: "C.UTF-8",
        HOME: this.directory,
        PYTHONPATH: APPS,
        PYTHONDONTWRITEBYTECODE: "1",
      },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.log.read(this.#process.stderr);
    this.#process.stderr?.once("close", () => this.log.end());
    this.exit = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("exit", (code) => resolve(code));
    });
    process.once("exit", this.killAll);
    this.arbiters.push(this.#process.pid as number);
  }

  /** When all workers serve. */
  async serves(): Promise<readonly Address[]> {
    const line = await this.log.find(/Listening at: /);
    await eventually(() => this.processes().workers.length === this.plan.workers);
    const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
    return [{ host: "127.0.0.1", port }, { path: this.#socket }];
  }

  // -- files ------------------------------------------------------------------------------------------------

  get #configuration(): string {
    return join(this.directory, "conf.py");
  }

  get #socket(): string {
    return join(this.directory, "socket");
  }

  get #journal(): string {
    return join(this.directory, "journal");
  }

  get version(): string {
    return `v${this.#version}`;
  }

  /** The next version. */
  writeApplication(): void {
    this.#version++;
    const call = `make_application(${JSON.stringify(this.version)}, ${JSON.stringify(this.#journal)})`;
    this.#write("current.py", `from chaotic import make_application\napplication = ${call}\n`);
  }

  breakApplication(): void {
    this.#write("current.py", "raise RuntimeError('broken by the chaos suite')\n");
  }

  /** With a setting of the gateways that is another each time, so that they are renewed too. */
  writeConfiguration(spool: string): void {
    const { workers, threads, preload, retirement, timeout } = this.plan;
    this.#keepalive = this.#keepalive === 5 ? 6 : 5;
    this.#good = [
      `bind = ["127.0.0.1:0", "unix:${this.#socket}"]`,
      `workers, threads = ${workers}, ${threads}`,
      `timeout = ${timeout}`,
      `request_timeout = ${timeout}`,
      `keepalive = ${this.#keepalive}`,
      `preload_app = ${preload ? "True" : "False"}`,
      `pidfile = ${JSON.stringify(join(this.directory, "pid"))}`,
      `tmp_upload_dir = ${JSON.stringify(spool)}`,
      `accesslog = ${JSON.stringify(join(this.directory, "access.log"))}`,
      retirement,
    ].join("\n");
    this.mendConfiguration();
  }

  #good = "";

  breakConfiguration(): void {
    this.#write("conf.py", "workers = nonsense\n");
  }

  mendConfiguration(): void {
    this.#write("conf.py", this.#good);
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  /** What the application has noted. */
  journal(): Started[] {
    const lines = readFileSync(this.#journal, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const [id, pid] = line.split(" ");
      return { id: Number(id), pid: Number(pid) };
    });
  }

  // -- processes --------------------------------------------------------------------------------------------

  /** The one that will stay. */
  get arbiter(): number {
    return this.arbiters.at(-1) as number;
  }

  processes(): Processes {
    const found = { gateways: [] as number[], zygotes: [] as number[], workers: [] as number[] };
    for (const child of this.arbiters.flatMap(childrenOf)) {
      const words = commandLine(child);
      if (words.includes("gateway")) found.gateways.push(child);
      else if (words.includes("python") || words.includes("zygote")) found.zygotes.push(child);
    }
    found.workers.push(...found.zygotes.flatMap(childrenOf));
    return found;
  }

  /** The arbiter that has said so last. */
  get startedLast(): number {
    return Number(/\[(\d+)\] \[INFO\] Starting (?![\s\S]*\] Starting )/.exec(this.log.text)?.[1] ?? 0);
  }

  /** Everything that lives, and all that lies about. */
  remains(): string[] {
    const processes = livingGroup(this.#process.pid as number).map(
      (pid) => `process ${pid} ${commandLine(pid)}`,
    );
    const files = readdirSync(this.directory).filter((name) => /^(pid|socket)/.test(name));
    return [...processes, ...this.arbiters.flatMap(runDirectories), ...files];
  }

  /** Files of gateways and of requests, in all its directories. */
  filesInUse(): string[] {
    return this.arbiters
      .flatMap(runDirectories)
      .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
      .filter((path) => /\/(arena-\d+|replies-\d+|\d+-\d+)$/.test(path));
  }

  /** To all its processes at once. */
  signalAll(signal: NodeJS.Signals): void {
    process.kill(-(this.#process.pid as number), signal);
  }

  /** Nobody reads what it logs. */
  pauseLog(): void {
    this.#process.stderr?.pause();
  }

  resumeLog(): void {
    this.#process.stderr?.resume();
  }

  readonly killAll = (): void => {
    try {
      process.kill(-(this.#process.pid as number), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };

  /** Nothing of it is left. */
  remove(): void {
    process.off("exit", this.killAll);
    this.killAll();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function childrenOf(pid: number): number[] {
  return readOrNothing(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
}

/** Its open sockets and files, without standard streams and what Node and Python open for themselves; undefined when it is gone. */
export function maybeDescriptorsOf(pid: number): readonly string[] | undefined {
  const directory = `/proc/${pid}/fd`;
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    return undefined;
  }
  const targets = names.filter((fd) => Number(fd) > 2).map((fd) => maybeTarget(join(directory, fd)));
  return targets.filter((target) => /^(socket:|\/(?!dev\/(?!shm)))/.test(target));
}

function maybeTarget(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ""; // it was closed just now
  }
}

export function isAlive(pid: number): boolean {
  return /\) [^ZX] /.test(readOrNothing(`/proc/${pid}/stat`));
}

function commandLine(pid: number): string {
  return readOrNothing(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has just left
  }
}
