/**
 * The steps of a request, each alone, beside its budget: `node bench/micro/run.ts`. With `--check` the exit code is 1 when
 * a step takes more than twice its budget, which noise does not explain.
 *
 * Budgets are of the machine that docs/performance.md speaks of; on another one compare two commits.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Costs, gatewayCosts } from "./gateway.ts";

/** Nanoseconds a request. */
const BUDGETS: Costs = {
  "head: parsed": 2000,
  "head: framing, Expect, keep-alive": 150,
  "environ: encoded": 2000,
  "record: into the arena, 16 in one write": 300,
  "record: into the arena, alone": 1600,
  "ticket: written and read, 16 at once": 200,
  "ticket: written and read, alone": 1700,
  "reply: frame read": 100,
  "response: head and body in one buffer": 350,
  "claim: a ticket read": 1000,
  "scoreboard: claimed, working and idle": 500,
  "record: copied, environ and input made": 4500,
  "response head: validated": 1500,
  "reply: framed and sent": 2000,
  "call: application, head and reply": 4500,
};

const GROSSLY = 2;

const python = join(import.meta.dirname, "../../.venv/bin/python");
const costs: Readonly<Record<string, Costs>> = {
  gateway: gatewayCosts(),
  // The cast is earned: the program is our own.
  worker: JSON.parse(
    execFileSync(python, [join(import.meta.dirname, "worker.py")], { encoding: "utf8" }),
  ) as Costs,
};
let isOver = false;
console.log("| process | step | budget, µs | measured, µs |\n|---|---|---|---|");
for (const [process, steps] of Object.entries(costs)) {
  for (const [step, nanoseconds] of Object.entries(steps)) {
    const budget = BUDGETS[step];
    if (budget === undefined) throw new Error(`${step} has no budget`);
    if (nanoseconds > budget * GROSSLY) isOver = true;
    console.log(
      `| ${process} | ${step} | ${(budget / 1e3).toFixed(2)} | ${(nanoseconds / 1e3).toFixed(2)} |`,
    );
  }
}
if (isOver && process.argv.includes("--check")) process.exitCode = 1;
