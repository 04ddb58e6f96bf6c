/**
 * The table: medians over the rounds, and the ratio to the reference pair by pair.
 */
import type { LoadResult } from "./load.ts";
import { median, medianRatio } from "./statistics.ts";

export interface Row {
  readonly app: string;
  readonly connections: number;
  readonly peer: string;
  /** One a round. */
  readonly results: readonly LoadResult[];
}

export interface Line {
  readonly app: string;
  readonly connections: number;
  readonly peer: string;
  readonly requestsPerSecond: number;
  readonly p99: number;
  readonly errors: number;
  /** How often the reference's rate the rate of Tunicorn is: 1 in its own line. */
  readonly tunicornIs: number;
}

export function summarize(rows: readonly Row[]): readonly Line[] {
  return rows.map(({ app, connections, peer, results }) => {
    const ours = rows.find(
      (row) => row.app === app && row.connections === connections && row.peer === "tunicorn",
    );
    const rates = results.map((result) => result.requestsPerSecond);
    const ourRates = ours?.results.map((result) => result.requestsPerSecond) ?? [];
    return {
      app,
      connections,
      peer,
      requestsPerSecond: median(rates),
      p99: median(results.map((result) => result.p99)),
      errors: results.reduce((sum, result) => sum + result.errors, 0),
      tunicornIs: medianRatio(ourRates, rates),
    };
  });
}

export function markdown(lines: readonly Line[]): string {
  const header =
    "| application | connections | server | requests/s | p99, ms | errors | Tunicorn is |\n|---|---|---|---|---|---|---|";
  const body = lines.map(
    ({ app, connections, peer, requestsPerSecond, p99, errors, tunicornIs }) =>
      `| ${app} | ${connections} | ${peer} | ${Math.round(requestsPerSecond)} | ${p99.toFixed(1)} | ${errors} | ${
        peer === "tunicorn" ? "" : `${tunicornIs.toFixed(2)} ×`
      } |`,
  );
  return [header, ...body].join("\n");
}
