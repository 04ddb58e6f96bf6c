import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RateLimited } from "../../../src/logging/rate-limited.ts";

function newLines(): { readonly lines: string[]; readonly limited: RateLimited } {
  const lines: string[] = [];
  return {
    lines,
    limited: new RateLimited(
      (line) => lines.push(line),
      (count) => `${count} more`,
    ),
  };
}

describe("lines of one kind that come at any rate", () => {
  it("are written at once while there is one a second", () => {
    const { lines, limited } = newLines();
    for (const ms of [0, 1000, 2500]) {
      limited.log(ms, `at ${ms}`);
      limited.sweep(ms + 250);
    }
    assert.deepEqual(lines, ["at 0", "at 1000", "at 2500"]);
  });

  it("are counted after the first one of a second, and the count is written when the second is over", () => {
    const { lines, limited } = newLines();
    for (let nr = 0; nr < 42; nr++) limited.log(nr, `number ${nr}`);
    limited.sweep(999);
    assert.deepEqual(lines, ["number 0"]);
    limited.sweep(1000);
    limited.sweep(2000);
    assert.deepEqual(lines, ["number 0", "41 more"]);
  });

  it("are one line a second however long they come", () => {
    const { lines, limited } = newLines();
    for (let ms = 0; ms < 10_000; ms += 10) {
      limited.log(ms, "line");
      if (ms % 250 === 0) limited.sweep(ms);
    }
    assert.ok(lines.length <= 11, `${lines.length} lines`);
    const counted = lines.reduce((sum, line) => sum + (line === "line" ? 1 : Number.parseInt(line, 10)), 0);
    assert.ok(counted >= 900, `${counted} of 1000 are accounted for`);
  });

  it("are all accounted for before the process ends", () => {
    const { lines, limited } = newLines();
    for (let nr = 0; nr < 3; nr++) limited.log(0, "line");
    limited.flush();
    limited.flush();
    assert.deepEqual(lines, ["line", "2 more"]);
  });
});
