/**
 * A family of cases: requests of one kind as fast as they are answered, over so many connections. The servers run at once
 * and are loaded in turn, A B C A B C …
 */
import type { Application } from "../applications.ts";
import { type LoadOptions, type LoadResult, runLoad } from "../load.ts";
import { treeCpuSeconds } from "../processes.ts";
import { type Case, type Plan, type Row, Rows, type Unit } from "../rows.ts";
import { Served } from "../served.ts";
import type { Server } from "../servers.ts";

export interface LoadCase
  extends Pick<LoadOptions, "bodyBytes" | "isClosing" | "pipelined" | "isPlain" | "timeoutSeconds"> {
  readonly name: string;
  readonly application: Application;
  readonly path: string;
  readonly connections: readonly number[];
  /** With more than one, servers without threads are left out. */
  readonly threads?: number;
  /** requests/s unless told; MB/s: of the body that is sent, if there is one, else of what is received. */
  readonly unit?: Unit;
  /** Of every answer's body. */
  readonly expectedBytes?: number;
}

export function throughput(each: LoadCase): Case {
  return { name: each.name, measure: (plan) => measure(each, plan) };
}

const settingOf = (connections: number): string => `${connections} connection${connections === 1 ? "" : "s"}`;

/** --quick: one client, and the 64 of the goals; where a case has neither, its own. */
function levelsOf({ connections }: LoadCase, plan: Plan): readonly number[] {
  if (plan.connections !== null) return plan.connections;
  const few = connections.filter((level) => level === 1 || level === 64);
  return plan.isQuick && few.length > 0 ? few : connections;
}

async function measure(each: LoadCase, plan: Plan): Promise<readonly Row[]> {
  each.application.prepare?.();
  const rows = new Rows(each.name, plan);
  const levels = levelsOf(each, plan);
  const servers = plan.servers.filter(({ hasThreads }) => hasThreads || (each.threads ?? 1) === 1);
  const served = new Map<Server, Served>();
  for (const server of servers) {
    for (const level of levels) rows.of(settingOf(level), server, each.unit ?? "requests/s");
    const [first = 1] = levels;
    const row = rows.of(settingOf(first), server, each.unit ?? "requests/s");
    await rows.attempt(row, async () => {
      const { workers } = plan;
      const started = await Served.start(server, each.application, { workers, threads: each.threads ?? 1 });
      served.set(server, started);
      await checkAnswer(started.origin + each.path, each);
    });
    for (const level of levels)
      rows.of(settingOf(level), server, each.unit ?? "requests/s").failure = row.failure;
  }
  for (let round = 0; round <= plan.rounds; round++) {
    for (const level of levels) {
      for (const [server, { origin, pids }] of served) {
        const row = rows.of(settingOf(level), server, each.unit ?? "requests/s");
        const seconds = round === 0 ? 1 : plan.seconds;
        const load = { ...each, url: origin + each.path, connections: level, seconds };
        await rows.attempt(row, () => loadOnce(load, pids, row, round === 0));
      }
    }
  }
  for (const each of served.values()) await each.stop();
  return rows.all;
}

async function loadOnce(
  load: LoadOptions,
  pids: readonly number[],
  row: Row,
  isWarmUp: boolean,
): Promise<void> {
  const before = treeCpuSeconds(pids);
  const result = await runLoad(load);
  const cpu = treeCpuSeconds(pids) - before;
  row.errors += result.errors;
  if (isWarmUp) return;
  if (result.requestsPerSecond === 0) throw new Error("no request was answered");
  row.values.push(figureOf(row.unit, result, load.bodyBytes));
  // wrk measures the time of pipelined requests from when the last of them was answered.
  if (load.pipelined === undefined) row.p99.push(result.p99);
  row.cpu.push((cpu / (result.requestsPerSecond * load.seconds)) * 10_000);
}

function figureOf(unit: Unit, result: LoadResult, bodyBytes: number | undefined): number {
  if (unit !== "MB/s") return result.requestsPerSecond;
  return bodyBytes === undefined ? result.megabytesPerSecond : (result.requestsPerSecond * bodyBytes) / 1e6;
}

/** That it answers as all others do, before it is measured how fast. */
async function checkAnswer(url: string, { bodyBytes, expectedBytes }: LoadCase): Promise<void> {
  const body = bodyBytes === undefined ? {} : { method: "POST", body: "x".repeat(bodyBytes) };
  const response = await fetch(url, body);
  const { length } = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`answers ${response.status}`);
  if (expectedBytes !== undefined && length !== expectedBytes)
    throw new Error(`answers ${length} bytes, not ${expectedBytes}`);
}
