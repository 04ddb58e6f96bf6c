/**
 * The plot: for each case a bar for each server, as long as its share of Tunicorn's throughput; longer is better.
 */
import type { Line } from "./report.ts";

const WIDTH = 860;
const LABELS = 130;
const FIGURES = 190;
const BAR = 13;
const STEP = 17;
const GAP = 34;
const TOP = 64;
/** Of Tunicorn's; what is longer is cut off with a mark. */
const LONGEST = 2;
const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif";
const OURS = "#0b7285";
const OTHERS = "#adb5bd";
const FAILED = "#c92a2a";
/** Keeps a figure readable where the line of Tunicorn's crosses it. */
const HALO = 'paint-order="stroke" stroke="#ffffff" stroke-width="4"';

export interface Group {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** One setting of each case whose figure is a throughput: the one with 64 connections if there is one, else the last. */
export function groupsOf(lines: readonly Line[]): readonly Group[] {
  const plotted = lines.filter(({ unit }) => unit === "requests/s" || unit === "MB/s");
  return [...new Set(plotted.map((line) => line.case))].map((name) => {
    const all = plotted.filter((line) => line.case === name);
    const setting =
      all.find((line) => line.setting === "64 connections")?.setting ?? all.at(-1)?.setting ?? "";
    return { title: `${name}, ${setting}`, lines: all.filter((line) => line.setting === setting) };
  });
}

export function plot(title: string, groups: readonly Group[]): string {
  let y = TOP;
  const parts: string[] = [];
  for (const { title: name, lines } of groups) {
    parts.push(text(24, y + 11, name, 'font-weight="600"'));
    y += 20;
    for (const line of lines) {
      parts.push(bar(line, y));
      y += STEP;
    }
    y += GAP - STEP;
  }
  const scale = unitX(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${WIDTH}" height="${y + 12}" viewBox="0 0 ${WIDTH} ${y + 12}" font-family="${FONT}" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="#ffffff"/>`,
    text(24, 28, title, 'font-size="16" font-weight="600"'),
    text(
      24,
      46,
      "Throughput as a share of Tunicorn's, medians of interleaved rounds; longer is better",
      'fill="#868e96"',
    ),
    `<line x1="${scale}" x2="${scale}" y1="${TOP - 6}" y2="${y - 6}" stroke="${OURS}" stroke-dasharray="2 3"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

const unitX = (share: number): number =>
  Math.round(LABELS + 24 + (Math.min(share, LONGEST) / LONGEST) * (WIDTH - LABELS - FIGURES - 24));

function bar(line: Line, y: number): string {
  const left = unitX(0);
  const label = text(
    left - 8,
    y + 10,
    line.server,
    `text-anchor="end"${line.server === "tunicorn" ? ` font-weight="600"` : ""}`,
  );
  if (line.failure !== "" || Number.isNaN(line.value)) {
    return label + text(left + 4, y + 10, "does not do it", `fill="${FAILED}" font-style="italic"`);
  }
  const share = line.server === "tunicorn" ? 1 : 1 / line.tunicornIs;
  const right = unitX(share);
  const colour = line.server === "tunicorn" ? OURS : OTHERS;
  const errors = line.errors > 0 ? `, ${line.errors} errors` : "";
  const figure = `${rounded(line.value)} ${line.unit}${errors}${share > LONGEST ? ` (${share.toFixed(1)} ×)` : ""}`;
  return [
    label,
    `<rect x="${left}" y="${y}" width="${Math.max(1, right - left)}" height="${BAR}" rx="2" fill="${colour}"/>`,
    text(right + 6, y + 10, figure, `${HALO} fill="${line.errors > 0 ? FAILED : "#495057"}"`),
  ].join("");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const rounded = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
