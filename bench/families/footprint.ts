/**
 * A family of cases: what a server takes of the machine with Django: memory of the whole process tree (proportional set size), and
 * the time from its start to its first page. One server runs at a time, so that none shares pages with another.
 */
import { setTimeout as pause } from "node:timers/promises";
import { DJANGO } from "../applications.ts";
import { runLoad } from "../load.ts";
import { treeBytes } from "../processes.ts";
import { type Case, type Plan, type Row, Rows } from "../rows.ts";
import { Served } from "../served.ts";
import type { Demands, Server } from "../servers.ts";

/** Memory differs little between rounds. */
const MOST_ROUNDS = 3;
const CONNECTIONS = 32;
/** Until what is short-lived has gone. */
const SETTLE_MS = 500;

export const MEMORY: Case = {
  name: "memory",
  measure: async (plan) => {
    DJANGO.prepare?.();
    const rows = new Rows("memory", plan);
    for (let round = 1; round <= Math.min(plan.rounds, MOST_ROUNDS); round++) {
      for (const workers of [2, 8]) {
        for (const preload of [false, true]) await measureMemory(rows, plan, { workers, preload });
      }
    }
    return rows.all;
  },
};

async function measureMemory(
  rows: Rows,
  plan: Plan,
  demands: Pick<Demands, "workers" | "preload">,
): Promise<void> {
  const canDo = ({ hasPreload }: Server): boolean =>
    demands.preload ? hasPreload !== false : hasPreload !== "always";
  const setting = `${demands.workers} workers${demands.preload ? ", preload" : ""}`;
  for (const server of plan.servers.filter(canDo)) {
    const row = rows.of(setting, server, "MiB");
    await rows.attempt(row, () =>
      withServer(server, demands, async ({ url, pids }) => {
        row.errors += (await runLoad({ url, connections: CONNECTIONS, seconds: 1 })).errors;
        await pause(SETTLE_MS);
        row.values.push(treeBytes(pids) / 2 ** 20);
      }),
    );
  }
}

export const COLD_START: Case = {
  name: "cold-start",
  measure: async (plan): Promise<readonly Row[]> => {
    DJANGO.prepare?.();
    const rows = new Rows("cold-start", plan);
    for (let round = 1; round <= plan.rounds; round++) {
      for (const server of plan.servers) {
        const row = rows.of("Django", server, "ms");
        await rows.attempt(row, () =>
          withServer(server, { workers: plan.workers }, async ({ startMs }) => {
            row.values.push(startMs);
          }),
        );
      }
    }
    return rows.all;
  },
};

async function withServer(
  server: Server,
  demands: Partial<Demands>,
  what: (served: Served) => Promise<void>,
): Promise<void> {
  const served = await Served.start(server, DJANGO, demands);
  try {
    await what(served);
  } finally {
    await served.stop();
  }
}
