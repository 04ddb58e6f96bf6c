/**
 * How many connections a gateway may have: what `max_connections` says, and never so many that no descriptor is left for
 * the files of large bodies and responses. At that limit the system would let a connection in only to drop it.
 *
 * Runs in: gateway.
 */
import { readFileSync } from "node:fs";

/** Each connection may need a second descriptor, for a file; few do at once. */
const SHARE_OF_DESCRIPTORS = 0.75;

/** Infinite where the system does not say how many descriptors there are. */
export function connectionLimit(max_connections: number, limits: string = ownLimits()): number {
  const descriptors = /^Max open files +(\d+)/m.exec(limits)?.[1];
  const possible =
    descriptors === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(1, Math.floor(Number(descriptors) * SHARE_OF_DESCRIPTORS));
  return Math.min(max_connections || Number.POSITIVE_INFINITY, possible);
}

function ownLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    return ""; // no Linux
  }
}
