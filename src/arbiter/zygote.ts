/**
 * One zygote process, seen from the arbiter: started, given orders, listened to.
 *
 * Descriptor 3 carries orders and reports. Descriptor 4 carries nothing: its end is the zygote's lifeline.
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { pythonFile } from "../installation.ts";
import type { PythonFile } from "../settings/load.ts";
import { SETTINGS } from "../settings/table.ts";
import { daemon } from "./daemon.ts";
import type { ZygoteOrder, ZygoteReport } from "./zygote-messages.ts";
import { ZygoteReportReader } from "./zygote-reports.ts";

const BOOTSTRAP = pythonFile("bootstrap.py");
/** Not the file itself, whose directory would then be the first entry of sys.path. */
const EXECUTE = "exec(open(__import__('sys').argv[1]).read())";

const HOOK_ARITIES = Object.fromEntries(
  Object.entries(SETTINGS).flatMap(([name, { hook }]) => (hook === undefined ? [] : [[name, hook.arity]])),
);

/** How long a zygote that has closed its control descriptor may take to leave, ms. */
const LEAVE_MS = 2000;

export interface ZygoteEvents {
  onReport(report: ZygoteReport): void;
  /** Something else than a report came on its control descriptor, where only the zygote should write. */
  onGarbage(line: string): void;
  /**
   * The process is gone, or could not be started; called once. `reason`: "exited with code 1", "was killed by SIGKILL".
   * `code` is null unless it has exited by itself.
   */
  onGone(reason: string, code: number | null): void;
}

export class Zygote {
  readonly #process: ChildProcess;
  readonly #control: Duplex;
  readonly #lifeline: Duplex;
  #events: ZygoteEvents = { onReport: () => {}, onGarbage: () => {}, onGone: () => {} };
  #end: { readonly reason: string; readonly code: number | null } | null = null;

  /** `argv`: Tunicorn's words, for `sys.argv`. `cwd`: the launch directory. */
  constructor(python: string, argv: readonly string[], cwd: string) {
    const output = daemon?.childOutput ?? "inherit";
    this.#process = spawn(python, ["-c", EXECUTE, BOOTSTRAP, ...argv], {
      cwd,
      stdio: ["inherit", output, output, "pipe", "pipe"],
    });
    daemon?.adopt(this.#process);
    this.#control = this.#process.stdio[3] as Duplex;
    this.#lifeline = this.#process.stdio[4] as Duplex;
    this.#process.on("error", (error) => this.#gone(`could not be started: ${error.message}`, null));
    this.#process.on("exit", (code, signal) => {
      const reason = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
      this.#whenRead(() => this.#gone(reason, code));
    });
    for (const channel of [this.#control, this.#lifeline]) channel.on("error", () => {});
    this.#lifeline.resume();
    this.#control.setEncoding("utf8");
    const reports = new ZygoteReportReader(
      (report) => this.#events.onReport(report),
      (line) => this.#events.onGarbage(line),
    );
    this.#control.on("data", (text: string) => reports.read(text));
    // A zygote that cannot be talked to is of no use. It leaves by itself, unless the application keeps it from that.
    this.#control.on("end", () => setTimeout(() => this.kill(), LEAVE_MS).unref());
  }

  /** From now on these hear of it, instead of who heard before. One that is gone already is told of once more. */
  listen(events: ZygoteEvents): void {
    this.#events = events;
    if (this.#end !== null) {
      const { reason, code } = this.#end;
      setImmediate(() => events.onGone(reason, code));
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  order(order: ZygoteOrder): void {
    if (this.#end === null) this.#control.write(`${JSON.stringify(order)}\n`);
  }

  /** Before it starts: the configuration file. */
  execute({ location, launchDirectory }: PythonFile): void {
    this.order({
      type: "configure",
      location,
      launch_directory: launchDirectory,
      names: Object.keys(SETTINGS),
      arities: HOOK_ARITIES,
    });
  }

  /** Before it has prepared: the kernel ends it. */
  close(): void {
    this.#control.end();
    this.#lifeline.end();
  }

  /** It leaves when it has carried out its orders, and the application's `atexit`; workers it still has die with it. */
  dismiss(): void {
    this.#control.end();
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /**
   * Every report that it had written comes first: what lies in the socket when it exits is read in the next turn of the event
   * loop. Not at the end of the stream, which a process that the application has forked in C code may hold open.
   */
  #whenRead(callback: () => void): void {
    setImmediate(() => setImmediate(callback));
  }

  #gone(reason: string, code: number | null): void {
    if (this.#end !== null) return;
    this.#end = { reason, code };
    this.#control.destroy();
    this.#lifeline.destroy();
    this.#events.onGone(reason, code);
  }
}
