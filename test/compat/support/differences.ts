/**
 * Holds what the two programs did against docs/differences.md: what differs must be documented there, and what is
 * documented must occur.
 *
 * A row of the document is known by its first cell, "area: behaviour"; a test file owns an area. The code spans of the
 * cells "Gunicorn" and "Tunicorn" are the evidence: each must stand in some line of what that program did, and those
 * lines are set aside. Everything else must be the same.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type Both, PROGRAMS, type Program } from "../../support/programs.ts";

/** What one program did, by aspect: a key of the environ, a stream, the exit code. Absent aspects are undefined. */
export type Observation = Readonly<Record<string, string | undefined>>;

/** The rows that explain an aspect. */
export type Explanations = Readonly<Record<string, string | readonly string[]>>;

interface Row {
  readonly evidence: Both<readonly string[]>;
  occurred: boolean;
}

const DOCUMENT = new URL("../../../docs/differences.md", import.meta.url);

export class Differences {
  readonly #rows: ReadonlyMap<string, Row>;

  constructor(area: string) {
    this.#rows = readRows(area);
  }

  /** Fails on an undocumented difference, and when one of `explanations` does not show. */
  compare(observed: Both<Observation>, explanations: Explanations = {}): void {
    const { gunicorn, tunicorn } = observed;
    const aspects = new Set([gunicorn, tunicorn, explanations].flatMap((each) => Object.keys(each)));
    const complaints = [...aspects].flatMap((aspect) =>
      this.#complaints(
        aspect,
        { gunicorn: gunicorn[aspect], tunicorn: tunicorn[aspect] },
        namesOf(explanations, aspect),
      ),
    );
    for (const name of new Set(Object.values(explanations).flat())) {
      const explained = Object.keys(explanations).filter((aspect) =>
        namesOf(explanations, aspect).includes(name),
      );
      complaints.push(...this.#unseen(name, observed, explained));
    }
    assert.deepEqual(complaints, []);
  }

  /** For answers that have nothing in common: only the evidence of the row is looked for. */
  compareUnlike(observed: Both<Observation>, name: string): void {
    assert.notDeepEqual(observed.gunicorn, observed.tunicorn);
    assert.deepEqual(this.#unseen(name, observed), []);
  }

  /** All code spans of a column, for an area that lists what only one of them has. */
  listed(program: Program): readonly string[] {
    return [...this.#rows.values()].flatMap(({ evidence }) => evidence[program]);
  }

  /** To be called when all tests of the area have run. */
  assertAllOccurred(): void {
    const missing = [...this.#rows].filter(([, { occurred }]) => !occurred).map(([name]) => name);
    assert.deepEqual(missing, [], "documented, but did not occur");
  }

  #complaints(
    aspect: string,
    { gunicorn, tunicorn }: Both<string | undefined>,
    names: readonly string[],
  ): string[] {
    if (gunicorn === tunicorn) {
      return names.map((name) => `${aspect}: "${name}" is documented, but both are ${show(gunicorn)}`);
    }
    const rows = names.map((name) => this.#row(name));
    const left = {
      gunicorn: setAside(
        gunicorn,
        rows.flatMap(({ evidence }) => evidence.gunicorn),
      ),
      tunicorn: setAside(
        tunicorn,
        rows.flatMap(({ evidence }) => evidence.tunicorn),
      ),
    };
    if (names.length > 0 && left.gunicorn === left.tunicorn) return [];
    return [`${aspect}: Gunicorn ${show(gunicorn)}`, `${aspect}: Tunicorn ${show(tunicorn)}`];
  }

  /** Evidence that is in none of the aspects; when all is there, the difference has occurred. */
  #unseen(name: string, observed: Both<Observation>, aspects?: readonly string[]): readonly string[] {
    const row = this.#row(name);
    const unseen = PROGRAMS.flatMap((program) => {
      const values = (aspects ?? Object.keys(observed[program])).map(
        (aspect) => observed[program][aspect] ?? "",
      );
      return row.evidence[program].filter((span) => !values.some((value) => value.includes(span)));
    });
    row.occurred ||= unseen.length === 0;
    return unseen.map((span) => `"${name}": \`${span}\` is documented, but is not there`);
  }

  #row(name: string): Row {
    const row = this.#rows.get(name);
    if (row === undefined) throw new Error(`docs/differences.md has no row "${name}"`);
    return row;
  }
}

function namesOf(explanations: Explanations, aspect: string): readonly string[] {
  return [explanations[aspect] ?? []].flat();
}

/** The lines without evidence in them. */
function setAside(value: string | undefined, spans: readonly string[]): string {
  const lines = value?.split("\n") ?? [];
  return lines.filter((line) => !spans.some((span) => line.includes(span))).join("\n");
}

function show(value: string | undefined): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function readRows(area: string): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of readFileSync(DOCUMENT, "utf8").split("\n")) {
    const [name = "", gunicorn = "", tunicorn = ""] = cells(line);
    if (!name.startsWith(`${area}: `)) continue;
    const evidence = { gunicorn: codeSpans(gunicorn), tunicorn: codeSpans(tunicorn) };
    rows.set(name.replaceAll("`", ""), { evidence, occurred: false });
  }
  return rows;
}

/** Markdown: a row is `| a | b |`, and `\|` is a bar inside of a cell. */
function cells(line: string): readonly string[] {
  if (!line.startsWith("|")) return [];
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** Markdown: `text`, or ``text with ` in it``. */
function codeSpans(cell: string): readonly string[] {
  return [...cell.matchAll(/(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)/g)].map((match) => match[2]?.trim() ?? "");
}
