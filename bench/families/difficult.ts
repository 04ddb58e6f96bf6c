/**
 * A family of cases: what clients that are slow, or that only hold their connections, cost the others. The same load without
 * and with them, in turn; the value is the share of the throughput that is kept. A connection that the server has closed
 * counts as an error.
 */
import { DIFFICULT } from "../applications.ts";
import {
  type ClientClass,
  connectAll,
  IdleClient,
  SlowHead,
  SlowReader,
  SlowUpload,
} from "../difficult/clients.ts";
import { runLoad } from "../load.ts";
import { treeBytes } from "../processes.ts";
import { type Case, type Plan, type Row, Rows } from "../rows.ts";
import { Served } from "../served.ts";

const CONNECTIONS = 32;
const KEEP_ALIVE_SECONDS = 600;

/** Half of them send a head a byte every 5 seconds, a quarter uploads 100 bytes a second, a quarter reads 1 KiB a second. */
const SLOW_KINDS = [SlowHead, SlowUpload, SlowHead, SlowReader];

export const SLOW_CLIENTS: Case = {
  name: "slow-clients",
  measure: (plan) => {
    const crowd = Array.from({ length: plan.slowClients }, (_, nr) => SLOW_KINDS[nr % 4] ?? SlowHead);
    return measure("slow-clients", `${plan.slowClients} slow clients`, crowd, plan);
  },
};

/** Each has had a response, and keeps its connection. */
export const IDLE_CONNECTIONS: Case = {
  name: "idle-connections",
  measure: (plan) => {
    const crowd = Array<ClientClass>(plan.idleConnections).fill(IdleClient);
    return measure("idle-connections", `${plan.idleConnections} idle connections`, crowd, plan);
  },
};

async function measure(
  name: string,
  setting: string,
  crowd: readonly ClientClass[],
  plan: Plan,
): Promise<readonly Row[]> {
  const rows = new Rows(name, plan);
  for (let round = 1; round <= plan.rounds; round++) {
    for (const server of plan.servers) {
      const row = rows.of(setting, server, "% kept");
      await rows.attempt(row, async () => {
        // A new one each round: what the crowd of the last one has left behind is not measured.
        const demands = { workers: plan.workers, keepAliveSeconds: KEEP_ALIVE_SECONDS };
        const served = await Served.start(server, DIFFICULT, demands);
        try {
          await compare(row, served, crowd, plan.seconds);
        } finally {
          await served.stop();
        }
      });
    }
  }
  return rows.all;
}

async function compare(
  row: Row,
  served: Served,
  classes: readonly ClientClass[],
  seconds: number,
): Promise<void> {
  const load = { url: served.url, connections: CONNECTIONS, seconds };
  const settle = (): Promise<unknown> => runLoad({ ...load, seconds: 1 });
  await settle();
  const without = await runLoad(load);
  if (without.requestsPerSecond === 0) throw new Error("no request was answered, also without them");
  const before = treeBytes(served.pids);
  const crowd = await connectAll(served.url, classes);
  try {
    const bytes = treeBytes(served.pids) - before;
    await settle();
    const beside = await runLoad(load);
    const open = crowd.openCount;
    row.values.push((100 * beside.requestsPerSecond) / without.requestsPerSecond);
    row.p99.push(beside.p99);
    row.errors += without.errors + beside.errors + classes.length - open;
    const kibibytes = (bytes / classes.length / 1024).toFixed(1);
    row.remark = `${open} of ${classes.length} still open, ${kibibytes} KiB each`;
  } finally {
    await crowd.leave();
  }
}
