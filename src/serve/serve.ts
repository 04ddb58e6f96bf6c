/**
 * `serve`: starts a server from a program, and tells the program what happens to it.
 *
 * The server is a process of its own, with an arbiter, gateways and workers as when it is started from a shell: a crash of
 * the one does not harm the other. When the program ends, however it does, the server stops as by TERM.
 *
 * Runs in: a program of the user's.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { PARENT_MARK, type ParentReport } from "../arbiter/parent-messages.ts";
import { programFile } from "../installation.ts";
import { commandLineWords, type ServeSettings } from "./words.ts";

/** How many of the last lines an error has. */
const KEPT_LINES = 200;
/** How long after the server's end its output may be held open by what its application has started, ms. */
const OUTPUT_GRACE_MS = 200;
/** What a service manager has to say is for the program, not for what it starts. */
const NOT_HANDED_ON = { NOTIFY_SOCKET: undefined, WATCHDOG_USEC: undefined, LISTEN_FDS: undefined };

export interface ServeOptions extends ServeSettings {
  /** `MODULE[:CALLABLE]`. */
  readonly app: string;
  /** The working directory, where the application and `gunicorn.conf.py` are looked for; the program's own by default. */
  readonly cwd?: string | undefined;
  /** Added to the program's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What the server prints is not passed on to the program's standard error and output, only to `log` and `output`. */
  readonly quiet?: boolean | undefined;
}

export interface TunicornEvents {
  /** All workers are ready: once, after `serve` has resolved. */
  ready: [addresses: readonly string[]];
  reloaded: [addresses: readonly string[]];
  /** The application or its settings did not come up; the ones before serve on. */
  "reload-failed": [problem: string];
  /** A line of standard error: the error log, unless `errorlog` says otherwise. */
  log: [line: string];
  /** A line of standard output: what the application prints, and the access log with `accesslog: "-"`. */
  output: [line: string];
  /** The server is gone; `code` is null when a signal ended it. */
  exit: [code: number | null, signal: NodeJS.Signals | null];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The server did not start, did not reload, or ended as it should not. */
export class TunicornError extends Error {
  override readonly name = "TunicornError";
  /** Gunicorn's: 1 settings or addresses, 2 the words, 3 a worker did not boot, 4 the application was not found. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that the server printed to standard error. */
  readonly lines: readonly string[];

  constructor(what: string, { code, signal }: Exit, lines: readonly string[]) {
    super([what, ...lines].join("\n"));
    this.exitCode = code;
    this.signal = signal;
    this.lines = lines;
  }
}

/**
 * Resolves when all workers are ready. Rejects with TunicornError when the server does not start, and with TypeError for
 * what is no setting.
 */
export async function serve(options: ServeOptions): Promise<TunicornServer> {
  const { app, cwd, env, quiet = false, ...settings } = options;
  const words = [
    ...process.execArgv.filter(isQuietening),
    programFile("main"),
    ...commandLineWords(settings),
  ];
  const child = spawn(process.execPath, [...words, "--", app], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...NOT_HANDED_ON, ...env, [PARENT_MARK]: "1" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  await once(child, "spawn");
  const server = new TunicornServer(child, quiet);
  await server.ready;
  return server;
}

/** Until 24.3 Node warns when it strips types, which it does in a checkout. */
function isQuietening(word: string): boolean {
  return word.startsWith("--disable-warning");
}

export class TunicornServer extends EventEmitter<TunicornEvents> implements AsyncDisposable {
  /** Resolves when it serves; `serve` has waited for it. */
  readonly ready: Promise<void>;
  /** Of the arbiter. */
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #exited: Promise<Exit>;
  readonly #lines: string[] = [];
  #addresses: readonly string[] = [];

  /** For `serve`. */
  constructor(child: ChildProcess, quiet: boolean) {
    super();
    this.#process = child;
    this.pid = child.pid ?? 0;
    this.#read(child.stderr, "log", quiet ? null : process.stderr);
    this.#read(child.stdout, "output", quiet ? null : process.stdout);
    child.on("message", (report) => this.#onReport(report as ParentReport));
    child.on("exit", () => {
      const release = (): void => [child.stdout, child.stderr].forEach((stream) => void stream?.destroy());
      setTimeout(release, OUTPUT_GRACE_MS).unref();
    });
    // "close", not "exit": every line it has printed comes first.
    this.#exited = once(child, "close").then(([code, signal]) => ({ code, signal }));
    this.ready = this.#awaitStart();
  }

  /** Where it listens: `http://127.0.0.1:8000`, `https://…`, `unix:/run/app.sock`. A reload may change them. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /**
   * Stops as by TERM: requests in work are finished. `quick`: as by INT, at once. Resolves when everything of it is gone;
   * rejects with TunicornError when it did not end in order.
   */
  async close({ quick = false }: { readonly quick?: boolean } = {}): Promise<void> {
    if (this.#isGone) return;
    this.#process.kill(quick ? "SIGINT" : "SIGTERM");
    const exit = await this.#exited;
    if (exit.code !== 0) throw this.#error(`Tunicorn ended with ${described(exit)}`, exit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Loads settings and application anew, as by HUP. Resolves when they serve; rejects with TunicornError when they do not
   * come up, and those before serve on. A second call replaces a reload that is going on, and both wait for its end.
   */
  async reload(): Promise<void> {
    const over = new AbortController();
    const { signal } = over;
    const outcome = Promise.race([
      once(this, "reloaded", { signal }).then(() => null),
      once(this, "reload-failed", { signal }).then(([problem]) => String(problem)),
      this.#exited.then((exit) => exit),
    ]).finally(() => over.abort());
    if (!this.#isGone) this.#process.kill("SIGHUP");
    const problem = await outcome;
    if (problem === null) return;
    if (typeof problem !== "string")
      throw this.#error(`Tunicorn ended with ${described(problem)}, and cannot be reloaded`, problem);
    throw new TunicornError(`Tunicorn did not reload: ${problem}`, { code: null, signal: null }, [
      ...this.#lines,
    ]);
  }

  get #isGone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #awaitStart(): Promise<void> {
    void this.#exited.then(({ code, signal }) => this.emit("exit", code, signal));
    const serving = Promise.withResolvers<null>();
    const heard = (report: unknown): void => {
      if ((report as ParentReport).type === "serving") serving.resolve(null);
    };
    this.#process.on("message", heard);
    const exit = await Promise.race([serving.promise, this.#exited]);
    this.#process.off("message", heard);
    if (exit !== null) throw this.#error(`Tunicorn did not start: ${described(exit)}`, exit);
    // By then whoever waits for `serve` has the server, and can have listened.
    setImmediate(() => this.emit("ready", this.#addresses));
  }

  #onReport(report: ParentReport): void {
    switch (report.type) {
      case "serving":
        this.#addresses = report.addresses;
        return;
      case "reloaded":
        this.#addresses = report.addresses;
        this.emit("reloaded", report.addresses);
        return;
      case "reload-failed":
        this.emit("reload-failed", report.problem);
        return;
      default:
        report satisfies never;
    }
  }

  #read(stream: Readable | null, event: "log" | "output", echo: NodeJS.WritableStream | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      if (event === "log" && this.#lines.push(line) > KEPT_LINES) this.#lines.shift();
      echo?.write(`${line}\n`);
      this.emit(event, line);
    });
  }

  #error(what: string, exit: Exit): TunicornError {
    return new TunicornError(what, exit, [...this.#lines]);
  }
}

function described({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
