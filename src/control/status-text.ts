/**
 * `tunicornctl status` for people.
 *
 * Runs in: tunicornctl.
 */

import { printable } from "./printable.ts";

export interface Status {
  readonly pid: number;
  readonly uptime: number;
  readonly workers_target: number;
  readonly reloads: number;
  readonly workers: readonly {
    readonly pid: number;
    readonly generation: number;
    readonly state: string;
    readonly requests: number;
    readonly memory: number | null;
    readonly work: readonly { readonly request: string | null; readonly seconds: number }[];
  }[];
}

const COLUMNS = ["PID", "GENERATION", "STATE", "REQUESTS", "MEMORY", "ON"] as const;
const MEGABYTE = 1024 * 1024;

export function formatStatus({ pid, uptime, workers_target, reloads, workers }: Status): string {
  const rows = workers.flatMap((worker) => {
    const memory = worker.memory === null ? "?" : `${Math.round(worker.memory / MEGABYTE)} MB`;
    const works = worker.work.map(
      ({ request, seconds }) => `${request ?? "a request"} (${seconds.toFixed(1)} s)`,
    );
    const [first = "-", ...others] = works;
    return [
      [worker.pid, worker.generation, worker.state, worker.requests, memory, first],
      ...others.map((work) => ["", "", "", "", "", work]),
    ].map((row) => row.map((cell) => printable(String(cell))));
  });
  const table = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const head = `arbiter ${pid}, up ${uptime} s, ${workers_target} workers wanted, ${reloads} reloads`;
  return [printable(head), ...lines].join("\n");
}
