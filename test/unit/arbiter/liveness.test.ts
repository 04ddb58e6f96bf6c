import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LOOK_MS } from "../../../src/arbiter/deadlines.ts";
import { ABORT_GRACE_MS, Liveness, type Sign } from "../../../src/arbiter/liveness.ts";

const TIMEOUT_MS = 30_000;
const AGE = 3;

function sign(aliveMs: number, changes: Partial<Sign> = {}): Sign {
  return { age: AGE, aliveMs, timeoutMs: TIMEOUT_MS, ...changes };
}

/** Looks in time from 1 to `untilMs`: each step with the time since the first look. */
function steps(liveness: Liveness, at: (nowMs: number) => Sign, untilMs: number): [string, number][] {
  const found: [string, number][] = [];
  for (let passed = 0; passed <= untilMs; passed += LOOK_MS)
    for (const { step } of liveness.look([at(passed + 1)], passed + 1)) found.push([step, passed]);
  return found;
}

describe("a worker whose main thread", () => {
  it("runs is left alone", () => {
    assert.deepEqual(
      steps(new Liveness(), (nowMs) => sign(nowMs - (nowMs % 1000) + 1), TIMEOUT_MS * 3),
      [],
    );
  });

  it("does not run is told of after the timeout, not earlier, then aborted, then killed", () => {
    const found = steps(new Liveness(), () => sign(1), TIMEOUT_MS * 2);
    assert.deepEqual(found.slice(0, 3), [
      ["tell", TIMEOUT_MS + LOOK_MS],
      ["abort", TIMEOUT_MS + 2 * LOOK_MS],
      ["kill", TIMEOUT_MS + 2 * LOOK_MS + ABORT_GRACE_MS + LOOK_MS],
    ]);
    assert.ok(
      found.slice(3).every(([step]) => step === "kill"),
      "again, until it is gone",
    );
  });

  it("runs again after it was told of is ended all the same", () => {
    const at = (nowMs: number): Sign => sign(nowMs > TIMEOUT_MS + LOOK_MS + 1 ? nowMs : 1);
    const found = steps(new Liveness(), at, TIMEOUT_MS * 2).map(([step]) => step);
    assert.deepEqual(found.slice(0, 3), ["tell", "abort", "kill"]);
  });

  it("says nothing of itself, or may be silent, is left alone", () => {
    assert.deepEqual(
      steps(new Liveness(), () => sign(0), TIMEOUT_MS * 2),
      [],
    );
    assert.deepEqual(
      steps(new Liveness(), () => sign(1, { timeoutMs: 0 }), TIMEOUT_MS * 2),
      [],
    );
  });

  it("did not run while the arbiter did not run either is left alone", () => {
    const liveness = new Liveness();
    assert.deepEqual(
      steps(liveness, () => sign(1), TIMEOUT_MS - 2 * LOOK_MS),
      [],
    );
    assert.deepEqual(liveness.look([sign(1)], 3_600_000), []);
    assert.deepEqual(liveness.look([sign(3_600_100)], 3_600_000 + LOOK_MS), []);
  });

  it("is known by its age, and forgotten with it", () => {
    const liveness = new Liveness();
    steps(liveness, () => sign(1), TIMEOUT_MS + LOOK_MS);
    assert.ok(liveness.isTold(AGE));
    assert.ok(!liveness.isTold(AGE + 1));
    liveness.forget(AGE);
    assert.ok(!liveness.isTold(AGE));
    assert.deepEqual(liveness.look([sign(1)], TIMEOUT_MS * 2), []);
  });
});
