/**
 * Runs a program to its end. A check that is one program (a linter, a type checker) is a suite of one test: its exit
 * code says passed or failed.
 */
import { spawn } from "node:child_process";
import type { Outcome } from "./outcome.ts";

/** No program may hang a run; the slowest takes a fraction of this. */
const TIME_LIMIT_MS = 600_000;

export type Finished = {
  /** Null when a signal ended it, the time limit's included. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Standard output and standard error, in the order in which they came. */
  readonly output: string;
};

/** Rejects only when the program cannot be started. */
export function runProgram(program: string, args: readonly string[]): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: TIME_LIMIT_MS });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.on("error", reject);
  child.on("close", (code, signal) => resolve({ code, signal, output: Buffer.concat(chunks).toString() }));
  return promise;
}

export function describeEnd({ code, signal }: Finished): string {
  return signal === null ? `exit code ${code}` : `ended by ${signal}`;
}

/** Runs commands one after the other, up to the first that fails. Their words are separated by spaces: no shell. */
export async function runCheck(...commands: readonly string[]): Promise<Outcome> {
  for (const command of commands) {
    const [program = "", ...args] = command.split(" ");
    const finished = await runProgram(program, args);
    if (finished.code !== 0) {
      const report = `${finished.output.trimEnd()}\n${command}: ${describeEnd(finished)}`;
      return { passed: 0, failed: 1, skipped: 0, report };
    }
  }
  return { passed: 1, failed: 0, skipped: 0, report: "" };
}
