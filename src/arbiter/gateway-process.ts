/**
 * One gateway process, seen from the arbiter.
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, fork } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { programFile } from "../installation.ts";
import type { GatewayOrder, GatewayReport } from "../queue/gateway-messages.ts";
import { daemon } from "./daemon.ts";
import type { Listener } from "./listeners.ts";

const MAIN = programFile("gateway/main");

export interface GatewayEvents {
  onReport(gateway: GatewayProcess, report: GatewayReport): void;
  onGone(gateway: GatewayProcess, reason: string): void;
}

export class GatewayProcess {
  /** Never used twice; names the gateway's files in the run directory. */
  readonly age: number;
  readonly #process: ChildProcess;
  #isGone = false;

  constructor(age: number, events: GatewayEvents) {
    const output = daemon?.childOutput ?? "inherit";
    this.age = age;
    this.#process = fork(MAIN, [], {
      stdio: ["ignore", output, output, "ipc"],
      env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
    });
    daemon?.adopt(this.#process);
    this.#process.on("message", (report) => events.onReport(this, report as GatewayReport));
    this.#process.on("error", (error) => this.#gone(events, `could not be started: ${error.message}`));
    this.#process.on("exit", (code, signal) => {
      this.#gone(events, signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
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
