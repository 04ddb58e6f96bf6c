/**
 * What a person at a terminal is told once the server is ready: what is served, where, by whom, and what seems unwise. Where
 * there is no terminal there are Gunicorn's lines only.
 *
 * Runs in: arbiter.
 */
import { availableParallelism } from "node:os";
import { isatty } from "node:tty";
import { STDERR } from "../logging/output.ts";
import { printTo } from "../logging/standard-streams.ts";
import { hasColours, painted, type Style } from "../logging/terminal.ts";
import type { Loaded } from "../settings/load.ts";
import { VERSION } from "../version.ts";

export interface StartFacts {
  readonly version: string;
  readonly app: string;
  readonly addresses: readonly string[];
  readonly workers: number;
  readonly threads: number;
  readonly workerClass: string;
  readonly python: string;
  readonly pythonVersion: string;
  readonly pid: number;
  readonly loglevel: string;
  /** Seconds. */
  readonly timeout: number;
  readonly cores: number;
  /** Workers have all rights. */
  readonly isRoot: boolean;
}

/** On a terminal that the log goes to as well. */
export function showStartScreen(
  { settings, resolved }: Loaded,
  addresses: readonly string[],
  pythonVersion: string,
): void {
  const isShown = settings.errorlog === "-" && ["debug", "info"].includes(resolved.logLevel);
  if (!isShown || !isatty(STDERR)) return;
  const { workers, threads, timeout } = settings;
  const { app, workerClass, python, logLevel: loglevel } = resolved;
  const screen = startScreen({
    ...{
      version: VERSION,
      app,
      addresses,
      workers,
      threads,
      workerClass,
      python,
      pythonVersion,
      loglevel,
      timeout,
    },
    pid: process.pid,
    cores: availableParallelism(),
    isRoot: process.geteuid?.() === 0 && settings.user === 0,
  });
  printTo(STDERR, screen);
}

/** For a terminal. */
export function startScreen(facts: StartFacts): string {
  const { version, app, addresses, python, pythonVersion, pid } = facts;
  const row = (name: string, value: string): string => `    ${name.padEnd(9)}${value}`;
  const lines = [
    "",
    `  ${paint("bold", app)} is served by Tunicorn ${version}`,
    "",
    ...addresses.map((address, nr) => row(nr === 0 ? "at" : "", paint("cyan", address))),
    row("by", workers(facts)),
    row("in", `Python ${pythonVersion}, ${python}`),
    row("reload", `kill -HUP ${pid}`),
    row("stop", `Ctrl-C, or kill -TERM ${pid}`),
    ...hints(facts).map((hint, nr) => `${nr === 0 ? "\n" : ""}  ${paint("yellow", "hint:")} ${hint}`),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function paint(style: Style, text: string): string {
  return hasColours(STDERR) ? painted(style, text) : text;
}

function workers({ workers, threads, workerClass }: StartFacts): string {
  const count = workers === 1 ? "1 worker" : `${workers} workers`;
  return `${count} (${workerClass}${threads > 1 ? `, ${threads} threads each` : ""})`;
}

/** What seems unwise, in the order of its weight. */
export function hints({ isRoot, loglevel, workers, cores, timeout }: StartFacts): readonly string[] {
  const found: string[] = [];
  if (isRoot) found.push("the application runs as root; --user and --group take its rights away");
  if (loglevel === "debug") found.push("the log level is debug, which is for development");
  if (workers === 1 && cores > 1) {
    found.push(`one worker uses one of ${cores} cores; --workers ${cores + 1} would use all`);
  }
  if (workers > 4 * cores + 1) {
    found.push(`${workers} workers are many for ${cores === 1 ? "one core" : `${cores} cores`}`);
  }
  if (timeout === 0) found.push("timeout is 0, so a request that hangs keeps its worker for ever");
  return found;
}
