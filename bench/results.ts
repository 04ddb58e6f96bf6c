/**
 * What a run has measured, as Markdown, JSON and a plot.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { groupsOf, plot } from "./plot.ts";
import { markdown, markdownOfGoals, markdownOfRatios, summarize, verdicts } from "./report.ts";
import type { Row } from "./rows.ts";

export interface Results {
  readonly command: readonly string[];
  /** Rounds, workers, the machine. */
  readonly about: string;
  readonly versions: readonly string[];
  readonly rows: readonly Row[];
}

export interface Rendered {
  readonly text: string;
  readonly json: string;
  readonly svg: string;
  readonly missedGoals: number;
}

export function render(results: Results): Rendered {
  const { command, about, versions, rows } = results;
  const lines = summarize(rows);
  const goals = verdicts(lines);
  const head = `\`node bench/run.ts ${command.join(" ")}\`: ${about}. ${versions.join("; ")}.`;
  const tables = [
    markdownOfRatios(lines),
    ...(goals.length === 0 ? [] : [markdownOfGoals(goals)]),
    markdown(lines),
  ];
  return {
    text: `${[head, ...tables].join("\n\n")}\n`,
    json: `${JSON.stringify({ command, about, versions, goals, lines, rows }, null, 2)}\n`,
    svg: plot(about, groupsOf(lines)),
    missedGoals: goals.filter(({ isMet }) => !isMet).length,
  };
}

/** As NAME.md, NAME.json and NAME.svg. */
export function save(directory: string, name: string, { text, json, svg }: Rendered): void {
  mkdirSync(directory, { recursive: true });
  for (const [kind, content] of Object.entries({ md: text, json, svg })) {
    writeFileSync(join(directory, `${name}.${kind}`), content);
  }
}

/** Of a run that was saved: its rows count, tables and plot are made anew. */
export function load(file: string): Results {
  const results = JSON.parse(readFileSync(file, "utf8")) as Partial<Results>;
  if (!Array.isArray(results.rows)) throw new Error(`${file} is not of a run of the benchmark`);
  return results as Results;
}
