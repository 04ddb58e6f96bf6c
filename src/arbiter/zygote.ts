/**
 * One zygote process, seen from the arbiter: started, given orders, listened to.
 *
 * Descriptor 3 carries orders and reports. Descriptor 4 carries nothing: its end is the zygote's lifeline.
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ZygoteOrder, ZygoteReport, ZygoteSettings } from "./zygote-messages.ts";

const BOOTSTRAP = fileURLToPath(new URL("../../python/tunicorn/bootstrap.py", import.meta.url));
/** Not the file itself, whose directory would then be the first entry of sys.path. */
const EXECUTE = "exec(open(__import__('sys').argv[1]).read())";

export interface ZygoteEvents {
  onReport(report: ZygoteReport): void;
  /** The process is gone, or could not be started; called once. `reason`: "exited with code 1", "was killed by SIGKILL" */
  onGone(reason: string): void;
}

export class Zygote {
  readonly #process: ChildProcess;
  readonly #control: Duplex;
  readonly #lifeline: Duplex;
  readonly #events: ZygoteEvents;
  #rest = "";
  #isGone = false;

  constructor(python: string, settings: ZygoteSettings, argv: readonly string[], events: ZygoteEvents) {
    this.#events = events;
    this.#process = spawn(python, ["-c", EXECUTE, BOOTSTRAP, ...argv], {
      stdio: ["inherit", "inherit", "inherit", "pipe", "pipe"],
    });
    this.#control = this.#process.stdio[3] as Duplex;
    this.#lifeline = this.#process.stdio[4] as Duplex;
    this.#process.on("error", (error) => this.#gone(`could not be started: ${error.message}`));
    // "close", not "exit": every report it has written comes first.
    this.#process.on("close", (code, signal) => {
      this.#gone(signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    });
    for (const channel of [this.#control, this.#lifeline]) channel.on("error", () => {});
    this.#lifeline.resume();
    this.#control.setEncoding("utf8");
    this.#control.on("data", (text: string) => this.#read(text));
    this.order({ type: "start", settings });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  order(order: ZygoteOrder): void {
    if (!this.#isGone) this.#control.write(`${JSON.stringify(order)}\n`);
  }

  /** It leaves, and the workers it still has die with it. */
  close(): void {
    this.#control.end();
    this.#lifeline.end();
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#events.onReport(JSON.parse(line) as ZygoteReport);
  }

  #gone(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#events.onGone(reason);
  }
}
