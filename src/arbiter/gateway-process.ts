/**
 * One gateway process, seen from the arbiter.
 *
 * Descriptor 3 is Node's IPC channel. Descriptor 4 carries nothing: its end is the gateway's lifeline, which a Python launcher
 * arms before it becomes Node (python/tunicorn/launcher.py).
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import type { Duplex } from "node:stream";
import { programFile, pythonFile } from "../installation.ts";
import type { GatewayOrder, GatewayReport } from "../queue/gateway-messages.ts";
import { daemon } from "./daemon.ts";
import type { Listener } from "./listeners.ts";

const MAIN = programFile("gateway/main");
const LAUNCHER = pythonFile("launcher.py");
const LIFELINE_DESCRIPTOR = 4;

export interface GatewayEvents {
  onReport(gateway: GatewayProcess, report: GatewayReport): void;
  onGone(gateway: GatewayProcess, reason: string): void;
}

export class GatewayProcess {
  /** Never used twice; names the gateway's files in the run directory. */
  readonly age: number;
  readonly #process: ChildProcess;
  #isGone = false;

  constructor(age: number, python: string, events: GatewayEvents) {
    const output = daemon?.childOutput ?? "inherit";
    const node = [process.execPath, ...process.execArgv, MAIN];
    this.age = age;
    this.#process = spawn(python, ["-I", "-S", LAUNCHER, String(LIFELINE_DESCRIPTOR), ...node], {
      stdio: ["ignore", output, output, "ipc", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
    });
    daemon?.adopt(this.#process);
    const lifeline = this.#process.stdio[LIFELINE_DESCRIPTOR] as Duplex | null | undefined;
    lifeline?.on("error", () => {}).resume();
    this.#process.on("message", (report) => events.onReport(this, report as GatewayReport));
    this.#process.on("error", (error) => this.#gone(events, `could not be started: ${error.message}`));
    this.#process.on("exit", (code, signal) => {
      this.#gone(events, signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** False once it was told to leave at once. */
  get isConnected(): boolean {
    return this.#process.connected;
  }

  order(order: GatewayOrder): void {
    if (this.#process.connected) this.#process.send(order, () => {});
  }

  listen(index: number, listener: Listener): void {
    const order: GatewayOrder = { type: "listen", index, listener: listener.info };
    // The handle stays open here too: it is what keeps the address while no gateway lives.
    if (this.#process.connected) this.#process.send(order, listener.handle, () => {});
  }

  /** At once: its connections are cut. */
  leave(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #gone(events: GatewayEvents, reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    events.onGone(this, reason);
  }
}
