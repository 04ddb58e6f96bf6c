/**
 * The tables: medians over the rounds, ratios to Tunicorn's pair by pair, and which goals are met.
 */
import { GOALS, type Goal } from "./goals.ts";
import type { Row } from "./rows.ts";
import { median, medianRatio } from "./statistics.ts";

export interface Line extends Omit<Row, "values" | "p99" | "cpu"> {
  readonly value: number;
  readonly p99: number;
  readonly cpu: number;
  /** Tunicorn's value divided by this one: 1 in its own line. */
  readonly tunicornIs: number;
}

export interface Verdict extends Goal {
  readonly figure: number;
  readonly isMet: boolean;
}

type Place = Pick<Row, "case" | "setting">;

const isSameCase = (a: Place, b: Place): boolean => a.case === b.case && a.setting === b.setting;

export function summarize(rows: readonly Row[]): readonly Line[] {
  return rows.map((row) => {
    const ours = rows.find((each) => isSameCase(each, row) && each.server === "tunicorn");
    return {
      ...row,
      value: median(row.values),
      p99: median(row.p99),
      cpu: median(row.cpu),
      tunicornIs: medianRatio(ours?.values ?? [], row.values),
    };
  });
}

/** Those that this run has measured. */
export function verdicts(lines: readonly Line[]): readonly Verdict[] {
  return GOALS.flatMap((goal) => {
    const line = lines.find(
      (each) => each.case === goal.case && each.setting === goal.setting && each.server === goal.server,
    );
    if (line === undefined) return [];
    const figure = goal.isOwnValue ? line.value : line.tunicornIs;
    const isWithin =
      goal.atLeast === undefined ? figure <= (goal.atMost ?? Number.NaN) : figure >= goal.atLeast;
    // What is kept is nothing when others were lost for it.
    return [{ ...goal, figure, isMet: isWithin && !(goal.isOwnValue && line.errors > 0) }];
  });
}

export function markdown(lines: readonly Line[]): string {
  const header =
    "| case | setting | server | median | unit | p99, ms | CPU s / 10,000 | errors | Tunicorn is | remark |\n|---|---|---|---|---|---|---|---|---|---|";
  return [header, ...lines.map(markdownLine)].join("\n");
}

function markdownLine(line: Line): string {
  const remark = (line.failure || line.remark).replaceAll("|", "/");
  const value = line.failure === "" ? number(line.value) : "–";
  const ratio =
    line.server === "tunicorn" || !Number.isFinite(line.tunicornIs) ? "" : `${ratioOf(line.tunicornIs)} ×`;
  const cells = [line.case, line.setting, line.server, value, line.unit];
  return `| ${[...cells, number(line.p99), fixed(line.cpu), String(line.errors), ratio, remark].join(" | ")} |`;
}

/** How many times a server's value Tunicorn's is: a line for each case and setting, a column for each server. */
export function markdownOfRatios(lines: readonly Line[]): string {
  const servers = [...new Set(lines.map(({ server }) => server))].filter((name) => name !== "tunicorn");
  const rows = lines
    .filter(({ server }) => server === "tunicorn")
    .map((ours) => {
      const cells = servers.map((name) =>
        ratioCell(lines.find((each) => isSameCase(each, ours) && each.server === name)),
      );
      const value = ours.failure === "" ? `${number(ours.value)} ${ours.unit}` : "–";
      return `| ${[`${ours.case}, ${ours.setting}`, value, ...cells].join(" | ")} |`;
    });
  const header = `| case | Tunicorn | ${servers.map((name) => `× ${name}`).join(" | ")} |`;
  return [header, `|${"---|".repeat(servers.length + 2)}`, ...rows].join("\n");
}

function ratioCell(line: Line | undefined): string {
  if (line === undefined) return "";
  if (line.failure !== "" || !Number.isFinite(line.tunicornIs)) return "–";
  return `${ratioOf(line.tunicornIs)}${line.errors > 0 ? ` (${line.errors} errors)` : ""}`;
}

export function markdownOfGoals(all: readonly Verdict[]): string {
  const header = "| case | setting | beside | goal | measured | met |\n|---|---|---|---|---|---|";
  const body = all.map((verdict) => {
    const bound = verdict.atLeast === undefined ? `≤ ${verdict.atMost}` : `≥ ${verdict.atLeast}`;
    const unit = verdict.isOwnValue ? "%" : "×";
    const figure = verdict.isOwnValue ? number(verdict.figure) : ratioOf(verdict.figure);
    const measured = Number.isNaN(verdict.figure) ? "–" : `${figure} ${unit}`;
    const beside = verdict.isOwnValue ? "" : verdict.server;
    const cells = [verdict.case, verdict.setting, beside, `${bound} ${unit}`, measured];
    return `| ${cells.join(" | ")} | ${verdict.isMet ? "yes" : "**no**"} |`;
  });
  return [header, ...body].join("\n");
}

const fixed = (value: number): string => (Number.isNaN(value) ? "" : value.toFixed(2));

const ratioOf = (value: number): string => (value < 0.1 ? value.toFixed(3) : value.toFixed(2));

/** Three digits are more than a shared machine can vouch for. */
function number(value: number): string {
  if (Number.isNaN(value)) return "";
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}
