/**
 * Going to the background (`daemon`). Node cannot fork, so the program is started a second time as the leader of a session
 * of its own, and the first one waits until it serves. So a start that fails is still told, with its exit code, which
 * Gunicorn's daemon takes to the grave.
 *
 * Rules: until it serves, everything that it and its children print goes to the first process's standard error; from then
 * on to /dev/null, unless `enable_stdio_inheritance` is set. Children write into pipes that the daemon empties, because
 * Node cannot put /dev/null in the place of a descriptor that a child already has.
 *
 * Runs in: arbiter.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { STDERR } from "../logging/output.ts";
import { printTo, standardWriter } from "../logging/standard-streams.ts";
import { useNativeStreams } from "../logging/untouched-streams.ts";
import type { Settings } from "../settings/table.ts";
import type { LifeWatcher } from "./life.ts";

const MARK = "TUNICORN_DAEMON";
const UMASK = 0o022;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"] as const;
/** How long after its end the output of a child may be held open by what the child has started, ms. */
const OUTPUT_GRACE_MS = 200;

/** Starts the daemon, waits until it serves or has failed, and exits with its code. */
export function goToBackground({ enable_stdio_inheritance }: Settings): Promise<never> {
  const output = enable_stdio_inheritance ? "inherit" : "pipe";
  if (output === "pipe") useNativeStreams();
  const daemon = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", output, output, "ipc"],
    env: { ...process.env, [MARK]: output },
  });
  daemon.stdout?.pipe(process.stdout);
  daemon.stderr?.pipe(process.stderr);
  daemon.on("message", () => process.exit(0));
  // It is in a session of its own: what a terminal sends does not reach it.
  for (const signal of SIGNALS) process.on(signal, () => daemon.kill(signal));
  return new Promise(() => {
    daemon.on("error", (error) => {
      process.stderr.write(`\nError: the daemon could not be started: ${error.message}\n`);
      process.exit(1);
    });
    daemon.on("close", (code) => process.exit(code ?? 1));
  });
}

/** The daemon's side. */
class Daemon implements LifeWatcher {
  readonly #keepsOutput: boolean;
  #isServing = false;

  constructor(keepsOutput: boolean) {
    this.#keepsOutput = keepsOutput;
    process.umask(UMASK);
    // The process that waits may be ended; the daemon goes on.
    process.on("disconnect", () => {});
  }

  /** What the start has printed is shown before the process that waits leaves. */
  onServing(): void {
    standardWriter(STDERR).whenWritten(() => this.#sayServing());
  }

  #sayServing(): void {
    this.#isServing = true;
    if (!process.connected) return;
    process.send?.("serving", () => process.disconnect());
    if (this.#keepsOutput) return;
    for (const fd of [1, 2]) {
      closeSync(fd);
      // The lowest one that is free, so the same.
      openSync("/dev/null", "w");
    }
  }

  /** For `spawn`: where a child's standard output and error go. */
  get childOutput(): "inherit" | "pipe" {
    return this.#keepsOutput ? "inherit" : "pipe";
  }

  /** To be called with every child. */
  adopt(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#relay(text));
      child.on("exit", () => setTimeout(() => stream?.destroy(), OUTPUT_GRACE_MS).unref());
    }
  }

  #relay(text: string): void {
    if (!this.#isServing) printTo(STDERR, text);
  }
}

/** Null in a process that `goToBackground` has not started. */
export const daemon = maybeDaemon();

function maybeDaemon(): Daemon | null {
  const mark = process.env[MARK];
  // Nothing that this process starts is a daemon.
  delete process.env[MARK];
  return mark === undefined ? null : new Daemon(mark === "inherit");
}
