/**
 * How many connections a gateway may have: what `max_connections` says, and never so many that no descriptor is left for
 * the files of large bodies and responses, and for the reply streams: one a worker thread. At the limit of descriptors the system
 * would let a connection in only to drop it, and a reply with it.
 *
 * Runs in: gateway.
 */
import { readFileSync } from "node:fs";

/** What the process needs for itself: IPC, logs, listeners, the queue. */
const OWN_DESCRIPTORS = 36;
/** During a reload there are the streams of two generations. */
const GENERATIONS = 2;
/** Where the streams leave less, so many clients are served at a time all the same: this share, and some at least. */
const LEAST_SHARE = 0.25;
const LEAST_CONNECTIONS = 16;
/** But never more than this share, or no worker could reply. */
const MOST_SHARE = 0.6;

/** Each connection may need a second descriptor, for a file; few do at once. */
const SHARE_OF_DESCRIPTORS = 0.75;

/** Infinite where the system does not say how many descriptors there are. `threads`: of all workers. */
export function connectionLimit(
  max_connections: number,
  threads: number,
  limits: string = ownLimits(),
): number {
  const descriptors = descriptorLimit(limits);
  const shared = Math.max(descriptors - OWN_DESCRIPTORS, 0);
  const left = Math.max(shared - threads * GENERATIONS, 0) * SHARE_OF_DESCRIPTORS;
  const least = Math.min(shared * MOST_SHARE, Math.max(LEAST_CONNECTIONS, shared * LEAST_SHARE));
  const possible = Math.max(1, Math.floor(Math.max(left, least)));
  return Math.min(max_connections || Number.POSITIVE_INFINITY, possible);
}

/** How many reply streams there may be beside so many connections. */
export function streamLimit(connections: number, limits: string = ownLimits()): number {
  const descriptors = descriptorLimit(limits);
  return Number.isFinite(descriptors)
    ? Math.max(1, descriptors - OWN_DESCRIPTORS - connections)
    : descriptors;
}

/** The limit of descriptors, if it is too low for the reply streams of so many threads beside clients; null: it is not. */
export function maybeTooLow(threads: number, limits: string = ownLimits()): number | null {
  const descriptors = descriptorLimit(limits);
  return (descriptors - OWN_DESCRIPTORS) * (1 - LEAST_SHARE) < threads ? descriptors : null;
}

function descriptorLimit(limits: string): number {
  const descriptors = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return descriptors === undefined ? Number.POSITIVE_INFINITY : Number(descriptors);
}

function ownLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    return ""; // no Linux
  }
}
