/**
 * Starts Gunicorn and Tunicorn with the same words in the same surroundings, and sees to their end.
 *
 * Rules: nothing of the caller's environment that a server obeys is passed on. Tests wait for lines, connections and
 * exits, never for time; a wait that takes too long fails with what was printed so far. Every process leads a group of
 * its own, so that whatever it has started can be ended with it by its id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Address } from "./client.ts";

export type Program = "gunicorn" | "tunicorn";
export const PROGRAMS: readonly Program[] = ["gunicorn", "tunicorn"];

const ROOT = resolve(import.meta.dirname, "../..");
export const APPS = join(ROOT, "test/compat/apps");
export const EXAMPLES = join(ROOT, "examples");

const VENV = join(ROOT, ".venv");
const EXECUTABLES: Readonly<Record<Program, string>> = {
  gunicorn: join(VENV, "bin/gunicorn"),
  tunicorn: join(ROOT, "bin/tunicorn"),
};

/** Long enough for a machine with much else to do; nothing waits for it unless something is wrong. */
const PATIENCE_MS = 30_000;

/** What is added to the environment; undefined takes a variable away. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Surroundings {
  readonly env?: Environment;
  /** The working directory. */
  readonly cwd?: string;
  /** Another than the checkout's: one that has been installed. */
  readonly executable?: string;
  /** What it gets as descriptors 3 and up. */
  readonly descriptors?: readonly number[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A directory for one test file, removed with everything in it by `cleanUp`. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "compat-"));
  directories.push(directory);
  return directory;
}

const directories: string[] = [];
const running = new Set<Running>();
process.on("exit", endAll);
// The test runner ends a file that takes too long with TERM, and what that file has started must go too.
process.once("SIGTERM", () => process.exit(1));

function endAll(): void {
  for (const each of running) each.killGroup();
}

/** For `after`: nothing that a test file has started or written is left. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

/** A program that has been started, and the lines it has printed. */
export class Running {
  readonly program: Program;
  readonly stdout = new Printed();
  readonly stderr = new Printed();
  readonly exit: Promise<Exit>;
  readonly #process: ChildProcess;

  constructor(
    program: Program,
    words: readonly string[],
    { env = {}, cwd = APPS, executable = EXECUTABLES[program], descriptors = [] }: Surroundings = {},
  ) {
    this.program = program;
    this.#process = spawn(executable, words, {
      cwd,
      env: environment(program, env),
      stdio: ["ignore", "pipe", "pipe", ...descriptors],
      detached: true,
    });
    this.stdout.read(this.#process.stdout);
    this.stderr.read(this.#process.stderr);
    this.exit = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("close", (code, signal) => {
        running.delete(this);
        this.stdout.end();
        this.stderr.end();
        resolve({ code, signal });
      });
    });
    running.add(this);
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.program} did not start`);
    return this.#process.pid;
  }

  /** The addresses in the line `Listening at: …`. */
  async addresses(): Promise<readonly Address[]> {
    const line = await this.stderr.find(/Listening at: /);
    const list = /Listening at: (\S+)/.exec(line)?.[1] ?? "";
    return list.split(",").map(parseAddress);
  }

  async address(): Promise<Address> {
    const [first] = await this.addresses();
    if (first === undefined) throw new Error(`${this.program} listens nowhere`);
    return first;
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  async stop(): Promise<Exit> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.signal("SIGTERM");
    return this.waitForExit();
  }

  async waitForExit(): Promise<Exit> {
    const timer = setTimeout(() => this.killGroup(), PATIENCE_MS);
    try {
      return await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }

  killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** What a program prints to one of its streams, as lines that can be waited for. */
export class Printed {
  text = "";
  #isOver = false;
  readonly #waiting: (() => void)[] = [];

  read(stream: NodeJS.ReadableStream | null): void {
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      this.text += text;
      this.#wake();
    });
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** The complete lines, from the `first` one on. */
  lines(first = 0): readonly string[] {
    return this.text.split("\n").slice(first, -1);
  }

  /** The first line from number `first` on that matches. */
  async find(pattern: RegExp, first = 0): Promise<string> {
    return (
      (await this.until((lines) => lines.find((line) => pattern.test(line)), first, String(pattern))) ?? ""
    );
  }

  /** The lines from number `first` on, once `count` of them match. */
  async count(pattern: RegExp, count: number, first = 0): Promise<readonly string[]> {
    const enough = (lines: readonly string[]): readonly string[] | undefined =>
      lines.filter((line) => pattern.test(line)).length >= count ? lines : undefined;
    return this.until(enough, first, `${pattern} ${count} times`);
  }

  async until<T>(look: (lines: readonly string[]) => T | undefined, first: number, what: string): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = look(this.lines(first));
      if (found !== undefined) return found;
      if (this.#isOver || performance.now() > deadline)
        throw new Error(`waited in vain for ${what}; printed was:\n${this.text}`);
      await this.#next(deadline);
    }
  }

  #next(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadline - performance.now() + 1);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Something of each. */
export type Both<T> = Readonly<Record<Program, T>>;

/** One of each, with the same words, but for a path that only one of them can have. */
export type Pair = Both<Running>;

export function startBoth(words: (program: Program) => readonly string[], surroundings?: Surroundings): Pair {
  return {
    gunicorn: new Running("gunicorn", words("gunicorn"), surroundings),
    tunicorn: new Running("tunicorn", words("tunicorn"), surroundings),
  };
}

/** What `look` makes of each. */
export async function ofBoth<T>(look: (program: Program) => Promise<T>): Promise<Both<T>> {
  const [gunicorn, tunicorn] = await Promise.all([look("gunicorn"), look("tunicorn")]);
  return { gunicorn, tunicorn };
}

/** Gunicorn has one control socket for all instances of a user: here it has none, unless the test gives it a HOME. */
function environment(program: Program, added: Environment): NodeJS.ProcessEnv {
  return {
    PATH: `${join(VENV, "bin")}:/usr/local/bin:/usr/bin:/bin`,
    VIRTUAL_ENV: VENV,
    LANG: "C.UTF-8",
    TZ: "UTC",
    HOME: temporaryDirectory(),
    PYTHONDONTWRITEBYTECODE: "1",
    ...added,
    ...(program === "gunicorn" && !("HOME" in added)
      ? { GUNICORN_CMD_ARGS: `--no-control-socket ${added.GUNICORN_CMD_ARGS ?? ""}` }
      : {}),
  };
}

function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) return { path: text.slice("unix:".length) };
  const [, host = "", port = ""] = /^\w+:\/\/\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return { host, port: Number(port) };
}
