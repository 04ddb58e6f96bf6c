/**
 * What the processes of a server take: memory, and processor time.
 */
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

export function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

/** Of every thread: it is the thread that forks. None of a process that has left. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1")
        .trim()
        .split(" ")
        .filter(Boolean)
        .map(Number),
    );
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENOENT", "ESRCH"].includes(String(error.code));

/** Proportional set size: shared pages count once over all that share them. */
export function residentBytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
  return Number(kilobytes) * 1024;
}

export function treeBytes(roots: readonly number[]): number {
  return tree(roots).reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** Seconds of processor time so far, with that of children that have left. */
export function treeCpuSeconds(roots: readonly number[]): number {
  return tree(roots).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

function tree(roots: readonly number[]): number[] {
  return roots.flatMap((root) => [root, ...descendants(root)]);
}

function cpuSeconds(pid: number): number {
  try {
    return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

/** Fields 14 to 17 of proc(5): user and system time, of the process and of the children it has waited for. */
export function parseCpuSeconds(stat: string): number {
  // The name, in parentheses, may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
