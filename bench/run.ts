/**
 * Measures Tunicorn beside its peers: the servers of a case run in turn, A B C A B C …, so that a slow minute of the
 * machine counts for all of them; medians over the rounds; ratios, not absolute times.
 *
 *   node bench/run.ts [--cases hello,django] [--servers tunicorn,granian] [--rounds 5] [--seconds 3] [--workers 2]
 *                     [--connections 1,64] [--slow 200] [--idle 2000] [--quick] [--json | --svg] [--check] [--from FILE] [--list]
 *
 * --quick        3 rounds of 1 second, and fewer settings
 * --connections  in place of each case's own
 * --json, --svg  the results as JSON or the plot on standard output, in place of the tables
 * --from         makes them of the JSON of an earlier run, and measures nothing
 * --check        the exit code is 1 when a goal that was measured is missed (bench/goals.ts)
 * --list         the names of the cases and servers
 *
 * All three, Markdown, JSON and the plot, are in bench/results/ afterwards.
 */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./applications.ts";
import { CASES } from "./cases.ts";
import { load, type Rendered, type Results, render, save } from "./results.ts";
import type { Plan, Row } from "./rows.ts";
import { SERVERS, type Server } from "./servers.ts";

const OPTIONS = {
  cases: { type: "string" },
  servers: { type: "string" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  workers: { type: "string", default: "2" },
  connections: { type: "string" },
  slow: { type: "string", default: "200" },
  idle: { type: "string", default: "2000" },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  check: { type: "boolean", default: false },
  from: { type: "string" },
  svg: { type: "boolean", default: false },
  list: { type: "boolean", default: false },
} as const;

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return fail(messageOf(error));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function loadOrFail(file: string): Results {
  try {
    return load(file);
  } catch (error) {
    return fail(`--from: ${messageOf(error)}`);
  }
}

function chosen<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string,
): readonly T[] {
  return names.split(",").map((name) => {
    const found = all.find((each) => each.name === name);
    return found ?? fail(`${what} ${name} is none of ${all.map((each) => each.name).join(", ")}`);
  });
}

function count(name: string, text: string): number {
  return /^[1-9]\d*$/.test(text) ? Number(text) : fail(`--${name}: ${text} is not a whole number above 0`);
}

function versionOf({ name, version }: Server): string {
  try {
    return `${name}: ${version()}`;
  } catch (error) {
    return `${name}: ${messageOf(error)}`;
  }
}

const options = readOptions();
const planned: Plan = {
  servers:
    options.servers === undefined
      ? SERVERS.filter((server) => !server.isOptional)
      : chosen("server", SERVERS, options.servers),
  rounds: count("rounds", options.rounds ?? (options.quick ? "3" : "5")),
  seconds: count("seconds", options.seconds ?? (options.quick ? "1" : "3")),
  workers: count("workers", options.workers),
  connections: options.connections?.split(",").map((each) => count("connections", each)) ?? null,
  isQuick: options.quick,
  slowClients: count("slow", options.slow),
  idleConnections: count("idle", options.idle),
  say: (text) => process.stderr.write(`bench: ${text}\n`),
};
const format = options.json ? "json" : options.svg ? "svg" : "text";
const cases = options.cases === undefined ? CASES : chosen("case", CASES, options.cases);

async function main(): Promise<void> {
  if (options.list) {
    const names = (all: readonly { readonly name: string }[]): string =>
      all.map(({ name }) => name).join(" ");
    process.stdout.write(`cases: ${names(CASES)}\nservers: ${names(SERVERS)}\n`);
    return;
  }
  if (options.from !== undefined) {
    process.stdout.write(render(loadOrFail(options.from))[format]);
    return;
  }
  execFileSync(join(import.meta.dirname, "setup.sh"), { stdio: ["ignore", "inherit", "inherit"] });
  const rendered = await measureAll();
  process.stdout.write(rendered[format]);
  if (options.check && rendered.missedGoals > 0) process.exitCode = 1;
}

async function measureAll(): Promise<Rendered> {
  const { rounds, seconds, workers, servers, say } = planned;
  const about = `${rounds} rounds of ${seconds} s, ${workers} workers, ${cpus().length} processors shared with the load`;
  const run = { command: process.argv.slice(2), about, versions: servers.map(versionOf) };
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const rows: Row[] = [];
  for (const each of cases) {
    try {
      rows.push(...(await each.measure(planned)));
    } catch (error) {
      say(`${each.name}: ${messageOf(error)}`);
      process.exitCode = 1;
    }
    // What is measured is kept, whatever comes.
    save(join(ROOT, "bench/results"), stamp, render({ ...run, rows }));
  }
  return render({ ...run, rows });
}

await main();
