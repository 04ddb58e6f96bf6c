import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { groupsOf, plot } from "../../../bench/plot.ts";
import { summarize } from "../../../bench/report.ts";
import { row } from "./support.ts";

describe("the plot", () => {
  const lines = summarize([
    row({ server: "tunicorn", setting: "1 connection", values: [50] }),
    row({ server: "tunicorn", values: [100] }),
    row({ server: "granian", values: [50] }),
    row({ server: "bjoern", values: [1000], errors: 3 }),
    row({ server: "a<b&c", failure: "did not start" }),
    row({ case: "response-10m", setting: "8 connections", server: "tunicorn", unit: "MB/s", values: [7] }),
    row({ case: "memory", setting: "8 workers", server: "tunicorn", unit: "MiB", values: [70] }),
  ]);

  it("has a group for each case of which more is better, at one setting", () => {
    assert.deepEqual(
      groupsOf(lines).map(({ title, lines: bars }) => [title, bars.length]),
      [
        ["hello, 64 connections", 4],
        ["response-10m, 8 connections", 1],
      ],
    );
  });

  const svg = plot("2 workers", groupsOf(lines));
  const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="(\d+)"/g)].map((match) => Number(match[1]));

  it("has bars as long as their share of Tunicorn's, and none longer than twice", () => {
    const [ours = Number.NaN, half = Number.NaN, tenfold] = widths;
    assert.ok(Math.abs(half - ours / 2) <= 1, `${half} is not half of ${ours}`);
    assert.equal(tenfold, ours * 2);
    assert.match(svg, />1,000 requests\/s, 3 errors \(10\.0 ×\)</);
  });

  it("says who does not do it, and escapes what it writes", () => {
    assert.match(svg, />a&lt;b&amp;c<.*>does not do it</);
    assert.equal(svg.match(/<svg/g)?.length, 1);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  });
});
