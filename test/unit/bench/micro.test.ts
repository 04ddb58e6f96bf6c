import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { it } from "node:test";

it("each step of a request is measured, and has a budget", () => {
  const program = join(import.meta.dirname, "../../../bench/micro/run.ts");
  const table = execFileSync(process.execPath, [program], { encoding: "utf8" });
  const rows = table.trim().split("\n").slice(2);
  const processes = rows.map(
    (row) => /^\| (gateway|worker) \| [^|]+ \| \d+\.\d\d \| \d+\.\d\d \|$/.exec(row)?.[1],
  );
  assert.deepEqual(new Set(processes), new Set(["gateway", "worker"]), table);
});
