/**
 * What each worker is doing, for `status`, or was doing when it died: the registry and the scoreboard say who, the gateways
 * which request.
 *
 * Runs in: arbiter.
 */
import { readFileSync } from "node:fs";
import type { UnfinishedWork } from "../queue/gateway-messages.ts";
import { isBusy, type ScoreboardReader, type SlotRecord } from "../queue/scoreboard.ts";
import type { Children, Worker } from "./children.ts";
import type { WorkerStatus } from "./control-commands.ts";
import { monotonicMs } from "./deadlines.ts";

/** `describe`: the request lines of tickets, by gateway and ticket as `GATEWAY:TICKET`. */
export async function workerStatus(
  children: Children,
  scoreboard: ScoreboardReader,
  describe: (work: readonly SlotRecord[]) => Promise<ReadonlyMap<string, string>>,
): Promise<WorkerStatus[]> {
  const workers = children.all().map((worker) => ({ worker, slots: slotsOf(worker, scoreboard) }));
  const now = monotonicMs();
  const lines = await describe(workers.flatMap(({ slots }) => slots.filter(isBusy)));
  return workers.map(({ worker: { pid, age, generation, state }, slots }) => ({
    pid,
    age,
    generation,
    state,
    requests: slots.reduce((sum, { served }) => sum + served, 0),
    memory: maybeMemory(pid),
    work: slots.filter(isBusy).map(({ gateway, ticket, startedMs }) => ({
      request: lines.get(`${gateway}:${ticket}`) ?? null,
      seconds: Math.round(now - startedMs) / 1e3,
    })),
  }));
}

/** What a worker that is gone may leave undone: also what its threads were on last, whose replies may never have been sent. */
export function unfinishedWork(worker: Worker, scoreboard: ScoreboardReader): UnfinishedWork[] {
  const now = monotonicMs();
  return slotsOf(worker, scoreboard)
    .filter(({ ticket }) => ticket !== 0)
    .map(({ gateway, ticket, startedMs }) => ({ gateway, ticket, ranMs: now - startedMs }));
}

function slotsOf({ slot, threads, age }: Worker, scoreboard: ScoreboardReader): SlotRecord[] {
  return scoreboard.read(slot, threads).filter((record) => record.age === age);
}

/** Null where there is no /proc, or the worker has just gone. */
function maybeMemory(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}
