import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { markdown, markdownOfGoals, markdownOfRatios, summarize, verdicts } from "../../../bench/report.ts";
import { load, render, save } from "../../../bench/results.ts";
import type { Plan, Row } from "../../../bench/rows.ts";
import { Rows } from "../../../bench/rows.ts";
import { SERVERS } from "../../../bench/servers.ts";
import { row } from "./support.ts";

describe("the table", () => {
  it("has a line a server, with Tunicorn's ratio to it", () => {
    const table = markdown(
      summarize([
        row({ server: "tunicorn", values: [900], p99: [1.25], cpu: [0.5], errors: 1 }),
        row({ server: "granian", values: [300] }),
      ]),
    );
    assert.match(
      table,
      /^\| hello \| 64 connections \| tunicorn \| 900 \| requests\/s \| 1\.3 \| 0\.50 \| 1 \| {2}\| {2}\|$/m,
    );
    assert.match(
      table,
      /^\| hello \| 64 connections \| granian \| 300 \| requests\/s \| {2}\| {2}\| 0 \| 3\.00 × \| {2}\|$/m,
    );
  });

  it("takes ratios within a round, and only of the same case and setting", () => {
    const lines = summarize([
      row({ server: "tunicorn", values: [10, 40, 90] }),
      row({ server: "granian", values: [10, 20, 30] }),
      row({ server: "granian", setting: "1 connection", values: [10] }),
    ]);
    assert.deepEqual(
      lines.map((line) => line.tunicornIs),
      [1, 2, Number.NaN],
    );
  });

  it("says in the row of a server that fails why it has no value", () => {
    const table = markdown(summarize([row({ server: "bjoern", failure: "did not start: a | b" })]));
    assert.match(table, /\| bjoern \| – \| requests\/s \|.*\| 0 \| {2}\| did not start: a \/ b \|$/m);
  });
});

describe("the table of ratios", () => {
  it("has a line a case and a column a server, with its errors", () => {
    const table = markdownOfRatios(
      summarize([
        row({ server: "tunicorn", values: [300] }),
        row({ server: "granian", values: [200], errors: 7 }),
        row({ server: "bjoern", failure: "did not start" }),
        row({ server: "tunicorn", setting: "1 connection", values: [50] }),
        row({ server: "granian", setting: "1 connection", values: [100] }),
      ]),
    );
    assert.deepEqual(table.split("\n"), [
      "| case | Tunicorn | × granian | × bjoern |",
      "|---|---|---|---|",
      "| hello, 64 connections | 300 requests/s | 1.50 (7 errors) | – |",
      "| hello, 1 connection | 50.0 requests/s | 0.50 |  |",
    ]);
  });
});

describe("the goals", () => {
  const rows = [
    row({ server: "tunicorn", values: [130] }),
    row({ server: "granian", values: [100] }),
    row({ server: "bjoern", values: [500] }),
    row({
      case: "slow-clients",
      setting: "200 slow clients",
      server: "tunicorn",
      unit: "% kept",
      values: [94],
    }),
    row({ case: "cold-start", setting: "Django", server: "tunicorn", unit: "ms", values: [110] }),
    row({ case: "cold-start", setting: "Django", server: "gunicorn-sync", unit: "ms", values: [100] }),
  ];
  const all = verdicts(summarize(rows));

  it("are met or not by ratios, whichever way is better, and by Tunicorn's own value", () => {
    assert.deepEqual(
      all.map((verdict) => [verdict.case, verdict.server, verdict.isMet]),
      [
        ["hello", "granian", true],
        ["hello", "bjoern", false],
        ["slow-clients", "tunicorn", false],
        ["cold-start", "gunicorn-sync", true],
      ],
    );
  });

  it("are a table with the figure beside the bound", () => {
    const table = markdownOfGoals(all);
    assert.match(table, /\| hello \| 64 connections \| bjoern \| ≥ 0\.6 × \| 0\.26 × \| \*\*no\*\* \|/);
    assert.match(table, /\| slow-clients \| 200 slow clients \| {2}\| ≥ 95 % \| 94\.0 % \| \*\*no\*\* \|/);
    assert.match(table, /\| cold-start \| Django \| gunicorn-sync \| ≤ 1\.2 × \| 1\.10 × \| yes \|/);
  });

  it("are not met by a server that could not be measured", () => {
    const failed = [row({ server: "tunicorn", failure: "died" }), row({ server: "granian", values: [1] })];
    assert.deepEqual(
      verdicts(summarize(failed)).map(({ isMet }) => isMet),
      [false],
    );
  });
});

describe("the rows of a case", () => {
  const plan: Plan = {
    ...{ servers: SERVERS, rounds: 1, seconds: 1, workers: 2, connections: null, isQuick: true },
    ...{ slowClients: 1, idleConnections: 1, say: () => {} },
  };
  const [first, second] = SERVERS;
  assert.ok(first !== undefined && second !== undefined);

  it("stand by setting, as first asked for", () => {
    const rows = new Rows("hello", plan);
    for (const server of [first, second]) for (const setting of ["a", "b"]) rows.of(setting, server, "ms");
    assert.deepEqual(
      rows.all.map((each: Row) => `${each.setting} ${each.server}`),
      [`a ${first.name}`, `a ${second.name}`, `b ${first.name}`, `b ${second.name}`],
    );
  });

  it("keep the first failure, and try no more", async () => {
    const rows = new Rows("hello", plan);
    const failing = rows.of("a", first, "ms");
    failing.values.push(1);
    await rows.attempt(failing, () => Promise.reject(new Error("no\nanswer")));
    await rows.attempt(failing, () => Promise.reject(new Error("another")));
    assert.deepEqual([failing.failure, failing.values], ["no answer", []]);
  });
});

describe("the results of a run", () => {
  it("are the same when they are made anew of their JSON, and of no other", () => {
    const directory = mkdtempSync(join(tmpdir(), "bench-"));
    const rows = [
      row({ server: "tunicorn", values: [300] }),
      row({ server: "granian", failure: "did not start" }),
    ];
    const rendered = render({ command: ["--quick"], about: "2 workers", versions: ["granian 2"], rows });
    save(directory, "run", rendered);
    assert.deepEqual(render(load(join(directory, "run.json"))), rendered);
    assert.match(rendered.text, /^`node bench\/run\.ts --quick`: 2 workers\. granian 2\.$/m);
    writeFileSync(join(directory, "other.json"), "{}");
    assert.throws(() => load(join(directory, "other.json")), /other\.json is not of a run of the benchmark/);
    rmSync(directory, { recursive: true });
  });
});
