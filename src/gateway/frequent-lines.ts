/**
 * The log lines that clients or a disk can cause at any rate. Of each kind one a second is written, and how many more there were.
 *
 * Runs in: gateway.
 */
import type { ErrorLog } from "../logging/error-log.ts";
import { RateLimited } from "../logging/rate-limited.ts";

const KINDS = {
  refused: { level: "warning", summary: (count) => `${count} more invalid request(s) within a second` },
  overload: {
    level: "warning",
    summary: (count) => `No worker was free for ${count} more request(s); answered 503`,
  },
  full: { level: "warning", summary: (count) => `All connections were in use ${count} more time(s)` },
  shed: {
    level: "warning",
    summary: (count) => `Unfinished requests take too much memory; gave up ${count} more of the oldest`,
  },
  notAccepted: {
    level: "error",
    summary: (count) => `${count} more connection(s) could not be accepted`,
  },
  bodyNotStored: {
    level: "error",
    summary: (count) => `${count} more request bod${count === 1 ? "y" : "ies"} not stored`,
  },
  notDeleted: { level: "error", summary: (count) => `${count} more spool file(s) not deleted` },
  notSpooled: { level: "error", summary: (count) => `${count} more response(s) not spooled` },
  noRoom: {
    level: "error",
    summary: (count) => `The run directory had no room for ${count} more request(s); answered 503`,
  },
  fileFailed: { level: "error", summary: (count) => `${count} more file(s) could not be read on` },
} as const satisfies Record<
  string,
  { readonly level: "warning" | "error"; readonly summary: (count: number) => string }
>;

export type FrequentLine = keyof typeof KINDS;
export type FrequentLines = Readonly<Record<FrequentLine, RateLimited>>;

export function frequentLines(log: ErrorLog): FrequentLines {
  const entries = Object.entries(KINDS).map(([kind, { level, summary }]) => [
    kind,
    new RateLimited((message) => log.write(level, message), summary),
  ]);
  return Object.fromEntries(entries) as FrequentLines;
}
