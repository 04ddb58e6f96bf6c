/**
 * One run of wrk, and what it says.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Responses other than 2xx and 3xx, and connections that failed, timed out or were cut. */
  readonly errors: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

const HEADERS = join(import.meta.dirname, "browser.lua");

export async function runLoad({ url, connections, seconds }: LoadOptions): Promise<LoadResult> {
  const words = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", HEADERS, url];
  return parseWrk(await outputOf("wrk", words));
}

/** Throws Error when the output is not wrk's. */
export function parseWrk(output: string): LoadResult {
  const rate = /^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1];
  const p99 = /^\s+99%\s+([\d.]+)(us|ms|s)\s*$/m.exec(output);
  if (rate === undefined || p99 === null) throw new Error(`not the output of wrk:\n${output}`);
  const socketErrors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  const otherStatus = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const errors = socketErrors.slice(1).reduce((sum, count) => sum + Number(count), otherStatus);
  return {
    requestsPerSecond: Number(rate),
    p99: Number(p99[1]) * (UNIT_MS[p99[2] as string] as number),
    errors,
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3 };

function outputOf(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${program}: ${code}\n${output}`)),
    );
  });
}
