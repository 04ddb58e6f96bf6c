/**
 * How much memory a process costs: its proportional set size (PSS), in which a page that several share counts in parts.
 * After `--preload` most pages are shared, and the resident set (RSS) would blame each worker for all of them.
 *
 * PSS takes the kernel a walk through all pages, so it is asked only when RSS, which is never smaller, is past the limit.
 *
 * Runs in: arbiter.
 */
import { readFileSync } from "node:fs";

const KIB = 1024;

/** Bytes. Undefined when the process is gone, or there is no /proc (not Linux). */
export function maybeMemory(pid: number, limit: number): number | undefined {
  const resident = maybeField(`/proc/${pid}/status`, "VmRSS");
  if (resident === undefined || resident <= limit) return resident;
  return maybeField(`/proc/${pid}/smaps_rollup`, "Pss") ?? resident;
}

function maybeField(path: string, name: string): number | undefined {
  try {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(path, "utf8"))?.[1];
    return value === undefined ? undefined : Number(value) * KIB;
  } catch {
    return undefined; // gone just now, or not ours to look at
  }
}
