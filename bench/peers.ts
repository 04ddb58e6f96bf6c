/**
 * How each server is started for a case: the same number of workers, a free port, its best documented flags for plain
 * HTTP, no access log.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Case, ROOT } from "./cases.ts";

export interface Peer {
  readonly name: string;
  readonly program: string;
  readonly words: (app: string, port: number, workers: number) => readonly string[];
}

const VENV = join(ROOT, ".venv");

export const PEERS: readonly Peer[] = [
  {
    name: "tunicorn",
    program: join(ROOT, "bin/tunicorn"),
    words: (app, port, workers) => ["-w", String(workers), "-b", `127.0.0.1:${port}`, app],
  },
  {
    name: "gunicorn-sync",
    program: join(VENV, "bin/gunicorn"),
    words: (app, port, workers) => [
      "-w",
      String(workers),
      "-b",
      `127.0.0.1:${port}`,
      "--no-control-socket",
      app,
    ],
  },
  {
    name: "gunicorn-gthread",
    program: join(VENV, "bin/gunicorn"),
    words: (app, port, workers) => {
      const kind = ["-k", "gthread", "--threads", "4", "--keep-alive", "5"];
      return [...kind, "-w", String(workers), "-b", `127.0.0.1:${port}`, "--no-control-socket", app];
    },
  },
];

export function versionOf({ program }: Peer): string {
  return spawnSync(program, ["--version"], { encoding: "utf8", env: environment() }).stdout.trim();
}

/** A server that answers. */
export class Served {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(peer: Peer, { directory, app, path, env }: Case, workers: number): Promise<Served> {
    const port = await freePort();
    const child = spawn(peer.program, peer.words(app, port, workers), {
      cwd: join(ROOT, "examples", directory),
      env: { ...environment(), ...env },
      stdio: ["ignore", "ignore", "ignore"],
    });
    running.add(child);
    const served = new Served(`http://127.0.0.1:${port}${path}`, child);
    await served.#answers();
    return served;
  }

  /** Of the process that was started. */
  get pid(): number {
    return this.#process.pid as number;
  }

  async body(): Promise<string> {
    const response = await fetch(this.url);
    if (!response.ok) throw new Error(`${this.url}: ${response.status}`);
    return response.text();
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await gone;
    running.delete(this.#process);
  }

  async #answers(): Promise<void> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error(`server left with ${this.#process.exitCode}`);
      try {
        await this.body();
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

const START_MS = 30_000;
const running = new Set<ChildProcess>();
// Also when the benchmark fails or is interrupted, no server is left.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, VIRTUAL_ENV: VENV, PATH: `${join(VENV, "bin")}:${process.env.PATH}` };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
