/**
 * One run of wrk, and what it says.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BENCH_HOME } from "./applications.ts";

export interface LoadResult {
  readonly requestsPerSecond: number;
  /** Of what was received, heads and all; MB of 10^6 bytes. */
  readonly megabytesPerSecond: number;
  /** Milliseconds. */
  readonly p99: number;
  /** Responses other than 2xx and 3xx, and connections that failed, timed out or were cut. */
  readonly errors: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Sent with every request, which then is a POST. */
  readonly bodyBytes?: number;
  readonly isClosing?: boolean;
  /** Requests that are sent before the first of them is answered. */
  readonly pipelined?: number;
  /** Only Host, in place of a browser's headers. */
  readonly isPlain?: boolean;
  /** What takes longer is an error. */
  readonly timeoutSeconds?: number;
}

const SCRIPT = join(import.meta.dirname, "wrk.lua");

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { url, connections, seconds, timeoutSeconds = 2 } = options;
  const words = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", `${timeoutSeconds}s`];
  const result = parseWrk(await outputOf([...words, "--latency", "-s", SCRIPT, url], environmentOf(options)));
  // wrk knows of a request that takes too long only when it is answered.
  const isSilent = result.requestsPerSecond === 0;
  return isSilent ? { ...result, errors: result.errors + connections } : result;
}

function environmentOf({ bodyBytes, isClosing, pipelined, isPlain }: LoadOptions): Record<string, string> {
  return {
    ...(bodyBytes === undefined ? {} : { BENCH_METHOD: "POST", BENCH_BODY_BYTES: String(bodyBytes) }),
    ...(isClosing ? { BENCH_CLOSE: "1" } : {}),
    ...(pipelined === undefined ? {} : { BENCH_PIPELINED: String(pipelined) }),
    ...(isPlain ? { BENCH_PLAIN: "1" } : {}),
  };
}

/** Throws Error when the output is not wrk's. */
export function parseWrk(output: string): LoadResult {
  const rate = /^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1];
  const transfer = /^Transfer\/sec:\s+([\d.]+)([KMG]?B)$/m.exec(output);
  const p99 = /^\s+99%\s+([\d.]+)(us|ms|s|m)\s*$/m.exec(output);
  if (rate === undefined || p99 === null || transfer === null)
    throw new Error(`not the output of wrk:\n${output}`);
  const socketErrors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  const otherStatus = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  return {
    requestsPerSecond: Number(rate),
    megabytesPerSecond: (Number(transfer[1]) * (UNIT_BYTES[transfer[2] as string] as number)) / 1e6,
    p99: Number(p99[1]) * (UNIT_MS[p99[2] as string] as number),
    errors: socketErrors.slice(1).reduce((sum, count) => sum + Number(count), otherStatus),
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3 };
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** The machine's own, or the one that setup.sh has unpacked with the library that it needs. */
function wrk(): { program: string; env: NodeJS.ProcessEnv } {
  const program = join(BENCH_HOME, "root/usr/bin/wrk");
  if (!existsSync(program)) return { program: "wrk", env: {} };
  const libraries = join(
    BENCH_HOME,
    "root/usr/lib",
    `${process.arch === "x64" ? "x86_64" : "aarch64"}-linux-gnu`,
  );
  return { program, env: { LD_LIBRARY_PATH: libraries } };
}

function outputOf(words: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const { program, env: own } = wrk();
    const child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...own, ...env },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(complaint.trim() || `wrk left with ${code}`)),
    );
  });
}
