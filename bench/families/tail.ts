/**
 * A family of cases: what requests that take long do to the others, at a fixed rate (open loop). The value is the 99th percentile
 * of the others' time, from when each was due.
 */
import { hash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { PLAIN } from "../applications.ts";
import { ask, openLoop } from "../open-loop.ts";
import { type Case, type Plan, type Row, Rows } from "../rows.ts";
import { Served } from "../served.ts";
import type { Demands, Server } from "../servers.ts";
import { percentile } from "../statistics.ts";

const MIXED_RATE = 400;
const RATE = 200;
const SLOW_SHARE = 0.1;
/** Until a worker has begun with a request. */
const BEGUN_MS = 200;

/** At random, so that several come at once; but the same ones for each server. */
function isSlow(nr: number): boolean {
  return hash("md5", String(nr), "buffer").readUInt16LE() < SLOW_SHARE * 2 ** 16;
}

/** A tenth takes 50 ms, which keeps two threads busy: of 16, or of the 4 workers of a server without threads. */
export const MIXED_SLOW: Case = {
  name: "mixed-slow",
  measure: (plan) =>
    measure(
      "mixed-slow",
      `${MIXED_RATE} requests/s`,
      { workers: 4, threads: 4 },
      plan,
      async (row, { origin }) => {
        const result = await openLoop({
          ...{ origin, requestsPerSecond: MIXED_RATE, seconds: Math.max(3, plan.seconds) },
          pathOf: (nr) => (isSlow(nr) ? "/sleep/0.05" : "/"),
          isCounted: (nr) => !isSlow(nr),
        });
        row.errors += result.errors;
        row.values.push(percentile(result.latencies, 99));
      },
    ),
};

/** One of the workers is busy for the whole time: nobody else should notice. */
export const ONE_SLOW_REQUEST: Case = {
  name: "one-slow-request",
  measure: (plan) =>
    measure(
      "one-slow-request",
      `${RATE} requests/s`,
      { workers: plan.workers, threads: 1 },
      plan,
      (row, served) => beside(1, row, served, plan),
    ),
};

/** As many as there are workers, each of which has four threads where the server has any. */
export const SLOW_REQUEST_PER_WORKER: Case = {
  name: "slow-request-per-worker",
  measure: (plan) => {
    const { workers } = plan;
    const setting = `${RATE} requests/s`;
    return measure("slow-request-per-worker", setting, { workers, threads: 4 }, plan, (row, served) =>
      beside(workers, row, served, plan),
    );
  },
};

async function beside(slow: number, row: Row, { origin }: Served, plan: Plan): Promise<void> {
  const seconds = Math.max(2, plan.seconds);
  const takeLong = Array.from({ length: slow }, () => ask(`${origin}/sleep/${seconds}`, false));
  await pause(BEGUN_MS);
  const result = await openLoop({
    ...{ origin, requestsPerSecond: RATE, seconds },
    pathOf: () => "/",
    isCounted: () => true,
  });
  const isAnswered = await Promise.all(takeLong);
  row.errors += result.errors + isAnswered.filter((each) => !each).length;
  row.values.push(percentile(result.latencies, 99));
}

async function measure(
  name: string,
  setting: string,
  demands: Partial<Demands>,
  plan: Plan,
  once: (row: Row, served: Served) => Promise<void>,
): Promise<readonly Row[]> {
  const rows = new Rows(name, plan);
  const served = new Map<Server, Served>();
  for (const server of plan.servers) {
    await rows.attempt(rows.of(setting, server, "ms p99"), async () => {
      served.set(server, await Served.start(server, PLAIN, demands));
    });
  }
  // Also the client is measured cold otherwise.
  for (const { origin } of served.values()) {
    await openLoop({
      origin,
      requestsPerSecond: RATE,
      seconds: 2,
      pathOf: () => "/",
      isCounted: () => false,
    });
  }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [server, each] of served) {
      const row = rows.of(setting, server, "ms p99");
      await rows.attempt(row, () => once(row, each));
    }
  }
  for (const each of served.values()) await each.stop();
  return rows.all;
}
