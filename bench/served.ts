/**
 * A server that runs and answers, until it is stopped; also when the benchmark fails or is interrupted, no process of it is left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Application, BENCH_HOME, VENV } from "./applications.ts";
import { descendants } from "./processes.ts";
import type { Command, Demands, Server } from "./servers.ts";

const START_MS = 30_000;
const STOP_MS = 10_000;
const POLL_MS = 5;

export const DEMANDS: Demands = { workers: 2, threads: 1, preload: false, keepAliveSeconds: 5 };

export class Served {
  readonly origin: string;
  readonly url: string;
  /** From its start to its first answer. */
  startMs = Number.NaN;
  readonly #application: Application;
  readonly #scratch: string;
  readonly #processes: ChildProcess[] = [];

  private constructor(port: number, application: Application) {
    this.origin = `http://127.0.0.1:${port}`;
    this.url = `${this.origin}${application.path}`;
    this.#application = application;
    mkdirSync(BENCH_HOME, { recursive: true });
    this.#scratch = mkdtempSync(join(BENCH_HOME, "run-"));
  }

  static async start(server: Server, application: Application, demands: Partial<Demands>): Promise<Served> {
    const port = await freePort();
    const served = new Served(port, application);
    const launch = { ...DEMANDS, ...demands, app: application.app, port, scratch: served.#scratch };
    running.add(served);
    try {
      const started = performance.now();
      for (const command of server.commands(launch)) served.#spawn(command);
      await served.#answers();
      served.startMs = performance.now() - started;
    } catch (error) {
      await served.stop();
      throw error;
    }
    return served;
  }

  /** Of the programs that were started; the first is the server's own. */
  get pids(): readonly number[] {
    return this.#processes.flatMap(({ pid }) => pid ?? []);
  }

  get pid(): number {
    return this.pids[0] ?? Number.NaN;
  }

  async stop(): Promise<void> {
    for (const child of this.#processes.toReversed()) await end(child);
    running.delete(this);
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  kill(): void {
    for (const pid of this.pids.flatMap((root) => [root, ...descendants(root)])) kill(pid);
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  #spawn([program, ...words]: Command): void {
    const log = openSync(this.#log, "a");
    const child = spawn(program, words, {
      cwd: this.#application.directory,
      env: { ...environment(), ...this.#application.env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child.once("error", () => {}); // it never answers, which is told with its name
    this.#processes.push(child);
  }

  get #log(): string {
    return join(this.#scratch, "log");
  }

  async #answers(): Promise<void> {
    const deadline = performance.now() + START_MS;
    while (!(await isAnswered(this.url))) {
      const left = this.#processes.find(({ pid, exitCode }) => pid === undefined || exitCode !== null);
      const lastLine = (): string =>
        readFileSync(this.#log, "utf8")
          .split("\n")
          .findLast((line) => /\w/.test(line)) ?? "";
      if (left !== undefined) throw new Error(`did not start: exit code ${left.exitCode}: ${lastLine()}`);
      if (performance.now() > deadline) throw new Error(`does not answer: ${lastLine()}`);
      await pause(POLL_MS);
    }
  }
}

const running = new Set<Served>();
process.on("exit", () => {
  for (const served of running) served.kill();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has left by itself.
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const pids = [child.pid, ...descendants(child.pid)];
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => pids.forEach(kill), STOP_MS);
  await gone;
  clearTimeout(timer);
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, VIRTUAL_ENV: VENV, PATH: `${join(VENV, "bin")}:${process.env.PATH}` };
}

function isAnswered(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false, timeout: START_MS }, (response) => {
      response.resume();
      response.once("close", () => resolve(response.statusCode === 200));
    });
    sent.once("error", () => resolve(false));
    sent.once("timeout", () => sent.destroy());
    sent.end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
