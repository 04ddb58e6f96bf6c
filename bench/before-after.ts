/**
 * Compares two checkouts of Tunicorn, this one and another: requests a second, and the processor time and the system calls that a
 * request takes in all processes of the server. Both are up at the same time and are measured in turn, so a slow minute of the machine
 * counts for both; ratios are medians over pairs.
 *
 *   node bench/before-after.ts BEFORE [--cases hello,flask,django] [--rounds 15] [--seconds 2] [--connections 64]
 *
 * BEFORE is the path of the other checkout, made ready with `make setup`; `git worktree add` makes one. System calls are counted by strace
 * in rounds of their own, three of each, whose speed does not count: how many requests a process answers each time it wakes varies widely
 * from one round to the next. Without strace that column is NaN.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Application, DJANGO, FLASK, HELLO, ROOT } from "./applications.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { descendants } from "./processes.ts";
import { Served } from "./served.ts";
import type { Server } from "./servers.ts";
import { median, medianRatio } from "./statistics.ts";

const APPLICATIONS: Readonly<Record<string, Application>> = { hello: HELLO, flask: FLASK, django: DJANGO };

const SYSTEM_CALL_ROUNDS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: "string", default: "hello,flask,django" },
    rounds: { type: "string", default: "15" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "64" },
  },
});
const [before] = positionals;
const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(Number);
if (before === undefined || !existsSync(join(before, "bin/tunicorn"))) {
  process.stderr.write(
    "usage: node bench/before-after.ts BEFORE [options]; BEFORE is a checkout of Tunicorn\n",
  );
  process.exit(2);
}
if (!((rounds as number) > 0 && (seconds as number) > 0 && (connections as number) > 0)) {
  process.stderr.write("bench: --rounds, --seconds and --connections are numbers above 0\n");
  process.exit(2);
}

/** A checkout as a server. The type stripper of Node costs the start, not the requests. */
function checkout(name: string, directory: string): Server {
  return {
    name,
    version: () => name,
    hasThreads: true,
    hasPreload: true,
    commands: ({ workers, port, app }) => [
      [join(resolve(directory), "bin/tunicorn"), "-w", String(workers), "-b", `127.0.0.1:${port}`, app],
    ],
  };
}

interface Measured {
  readonly requestsPerSecond: number;
  /** Microseconds a request. */
  readonly cpu: number;
}

/** Nanoseconds of processor time of all threads of these processes so far. */
function cpuNanoseconds(roots: readonly number[]): number {
  let sum = 0;
  for (const pid of roots.flatMap((root) => [root, ...descendants(root)])) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]);
    }
  }
  return sum;
}

function load(served: Served): Promise<LoadResult> {
  return runLoad({ url: served.url, connections: connections as number, seconds: seconds as number });
}

async function measure(served: Served): Promise<Measured> {
  const cpuBefore = cpuNanoseconds(served.pids);
  const began = performance.now();
  const { requestsPerSecond, errors } = await load(served);
  if (errors > 0) throw new Error(`${errors} errors`);
  const requests = (requestsPerSecond * (performance.now() - began)) / 1e3;
  return { requestsPerSecond, cpu: (cpuNanoseconds(served.pids) - cpuBefore) / 1e3 / requests };
}

/** System calls a request; NaN without strace. */
async function systemCalls(served: Served): Promise<number> {
  if (spawnSync("strace", ["-V"]).status !== 0) return Number.NaN;
  const scratch = mkdtempSync(join(tmpdir(), "strace-"));
  const pids = served.pids.flatMap((root) => [root, ...descendants(root)]);
  const summary = join(scratch, "summary");
  const strace = spawn(
    "strace",
    ["-f", "-q", "-c", "-o", summary, ...pids.flatMap((pid) => ["-p", String(pid)])],
    {
      stdio: "ignore",
    },
  );
  const ended = new Promise((done) => strace.once("exit", done));
  await load(served); // strace is surely attached after a round
  const began = performance.now();
  const { requestsPerSecond } = await load(served);
  const requests = (requestsPerSecond * (performance.now() - began)) / 1e3;
  strace.kill("SIGINT");
  await ended;
  const total = /^[\d.]+ +[\d.]+ +(?:[\d.]+ +)?(\d+) .*total$/m.exec(readFileSync(summary, "latin1"))?.[1];
  rmSync(scratch, { recursive: true });
  // Both loads were counted, and the first was like the second.
  return Number(total) / 2 / requests;
}

console.log(
  `${rounds} rounds of ${seconds} s each, ${connections} connections, 2 workers; after / before, medians\n`,
);
console.log("| case | requests/s | ratio | CPU a request, µs | ratio | system calls a request | ratio |");
console.log("|---|---|---|---|---|---|---|");
for (const name of values.cases.split(",")) {
  const application = APPLICATIONS[name];
  if (application === undefined)
    throw new Error(`case ${name} is none of ${Object.keys(APPLICATIONS).join(", ")}`);
  application.prepare?.();
  const servers = [checkout("before", before), checkout("after", ROOT)];
  const served: Served[] = [];
  for (const server of servers) served.push(await Served.start(server, application, {}));
  const [old, now] = served as [Served, Served];
  const measured: [Measured[], Measured[]] = [[], []];
  for (const each of served) await load(each); // warms up
  for (let round = 0; round < (rounds as number); round++) {
    measured[0].push(await measure(old));
    measured[1].push(await measure(now));
  }
  const calls: [number[], number[]] = [[], []];
  for (let round = 0; round < SYSTEM_CALL_ROUNDS; round++) {
    calls[0].push(await systemCalls(old));
    calls[1].push(await systemCalls(now));
  }
  for (const each of served) await each.stop();
  const column = (what: keyof Measured): string => {
    const [a, b] = measured.map((results) => results.map((result) => result[what])) as [number[], number[]];
    return `${median(a).toFixed(1)} → ${median(b).toFixed(1)} | ${medianRatio(b, a).toFixed(3)}`;
  };
  const counted = `${median(calls[0]).toFixed(2)} → ${median(calls[1]).toFixed(2)} | ${medianRatio(calls[1], calls[0]).toFixed(3)}`;
  console.log(`| ${name} | ${column("requestsPerSecond")} | ${column("cpu")} | ${counted} |`);
}
