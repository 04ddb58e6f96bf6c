import assert from "node:assert/strict";
import { it } from "node:test";
import { BackOff } from "../../../src/arbiter/back-off.ts";

/** The pauses of `count` failures one after the other, ms. */
function pauses(backOff: BackOff, tick: (ms: number) => void, count: number): number[] {
  return Array.from({ length: count }, () => {
    let isOver = false;
    let waitedMs = 0;
    backOff.failed(() => {
      isOver = true;
    });
    for (; !isOver; waitedMs += 500) tick(500);
    return waitedMs;
  });
}

it("the pause doubles with each failure, up to half a minute, and is short again after a success", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tick = (ms: number): void => t.mock.timers.tick(ms);
  const backOff = new BackOff();
  assert.deepEqual(pauses(backOff, tick, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  backOff.reset();
  assert.deepEqual(pauses(backOff, tick, 2), [500, 1000]);
});

it("failures in the same pause count once, and are tried again together", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const backOff = new BackOff();
  let retries = 0;
  for (let failures = 0; failures < 4; failures++) backOff.failed(() => retries++);
  assert.equal(backOff.isWaiting, true);
  t.mock.timers.tick(500);
  assert.equal(retries, 1);
  assert.equal(backOff.isWaiting, false);
});
