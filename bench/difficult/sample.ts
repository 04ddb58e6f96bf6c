/**
 * What the processes of a server hold.
 */
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { descendants, residentBytes } from "../processes.ts";

export interface Sample {
  readonly descriptors: number;
  readonly spoolFiles: number;
  /** Proportional set size, of the arbiter, of the gateways, of the zygote and its workers. */
  readonly arbiterBytes: number;
  readonly gatewayBytes: number;
  readonly pythonBytes: number;
}

const SETTLE_MS = 500;
const MOST_TRIES = 40;

/** When two looks in a row find as many descriptors and files: what clients have left is cleared away soon after. */
export async function sampleOf(arbiter: number): Promise<Sample> {
  let before = look(arbiter);
  for (let nr = 0; nr < MOST_TRIES; nr++) {
    await pause(SETTLE_MS);
    const now = look(arbiter);
    if (now.descriptors === before.descriptors && now.spoolFiles === before.spoolFiles) return now;
    before = now;
  }
  return before;
}

function look(arbiter: number): Sample {
  const pids = [arbiter, ...descendants(arbiter)];
  return {
    descriptors: sum(pids.map((pid) => readdirSync(`/proc/${pid}/fd`).length)),
    spoolFiles: spoolFiles(arbiter),
    arbiterBytes: residentBytes(arbiter),
    gatewayBytes: sum(pids.filter(isGateway).map(residentBytes)),
    pythonBytes: sum(pids.filter((pid) => pid !== arbiter && !isGateway(pid)).map(residentBytes)),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function isGateway(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("gateway");
}

/** In the directory that the server makes for them, which has its pid in its name. */
function spoolFiles(arbiter: number): number {
  const own = readdirSync(tmpdir()).filter(
    (name) => name.startsWith("tunicorn-") && name.includes(`-${arbiter}-`),
  );
  return sum(own.map((name) => readdirSync(join(tmpdir(), name)).length));
}
