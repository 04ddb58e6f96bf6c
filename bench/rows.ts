/**
 * What a case gives: a row for each server and setting, with a value for each round. A server that cannot do it has a row that
 * says why.
 */
import type { Server } from "./servers.ts";

/** Where less is better, a ratio below 1 is what one wants. */
export type Unit = "requests/s" | "MB/s" | "ms" | "ms p99" | "MiB" | "% kept";

export interface Row {
  readonly case: string;
  /** "64 connections" */
  readonly setting: string;
  readonly server: string;
  readonly unit: Unit;
  /** One a round; in every row of a case and setting the same index is the same round. */
  readonly values: number[];
  /** Milliseconds, one a round, where latency is measured beside the value. */
  readonly p99: number[];
  /** Seconds of processor time for 10,000 requests, one a round. */
  readonly cpu: number[];
  errors: number;
  /** Why there is no value. */
  failure: string;
  /** What else is to be known. */
  remark: string;
}

export interface Plan {
  readonly servers: readonly Server[];
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: number;
  /** In place of those of the cases; null: theirs. */
  readonly connections: readonly number[] | null;
  readonly isQuick: boolean;
  readonly slowClients: number;
  readonly idleConnections: number;
  readonly say: (text: string) => void;
}

export interface Case {
  readonly name: string;
  readonly measure: (plan: Plan) => Promise<readonly Row[]>;
}

/** The rows of a case, in the order in which they were first asked for. */
export class Rows {
  readonly #case: string;
  readonly #plan: Plan;
  readonly #rows = new Map<string, Row>();

  constructor(name: string, plan: Plan) {
    this.#case = name;
    this.#plan = plan;
  }

  of(setting: string, server: Server, unit: Unit): Row {
    const key = `${setting}\n${server.name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = { setting, unit, values: [], p99: [], cpu: [], errors: 0, failure: "", remark: "" };
    const added: Row = { ...row, case: this.#case, server: server.name };
    this.#rows.set(key, added);
    return added;
  }

  /** Does it, unless that has failed before; a failure is told in the row, and the end of its measurements. */
  async attempt(row: Row, what: () => Promise<void>): Promise<void> {
    if (row.failure !== "") return;
    try {
      await what();
      const value = row.values.at(-1)?.toFixed(1);
      this.#plan.say(
        `${row.case}, ${row.setting}, ${row.server}: ${value === undefined ? "ready" : `${value} ${row.unit}`}`,
      );
    } catch (error) {
      row.failure = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ");
      row.values.length = 0;
      this.#plan.say(`${row.case}, ${row.setting}, ${row.server}: ${row.failure}`);
    }
  }

  /** Of the same setting beside each other. */
  get all(): readonly Row[] {
    const rows = [...this.#rows.values()];
    const settings = [...new Set(rows.map((row) => row.setting))];
    return settings.flatMap((setting) => rows.filter((row) => row.setting === setting));
  }
}
