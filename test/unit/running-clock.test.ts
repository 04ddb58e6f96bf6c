import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RunningClock } from "../../src/running-clock.ts";

const INTERVAL = 250;

describe("the clock of a process that may be stopped", () => {
  it("runs as any other while it is looked at in time, or a little late", () => {
    const clock = new RunningClock(INTERVAL, 1000);
    for (const now of [1250, 1500, 2400, 2650]) assert.equal(clock.look(now), 0);
    assert.equal(clock.toRunning(2650), 2650);
  });

  it("stands still while the process is stopped", () => {
    const clock = new RunningClock(INTERVAL, 0);
    clock.look(250);
    assert.equal(clock.look(30_500), 30_000);
    assert.equal(clock.look(30_750), 0);
    assert.equal(clock.toRunning(30_750) - clock.toRunning(200), 550, "of what was begun before the stop");
    assert.equal(clock.toRunning(30_750) - clock.toRunning(30_600), 150, "of what was begun after it");
  });

  it("counts every stop since then", () => {
    const clock = new RunningClock(INTERVAL, 0);
    for (let stop = 1; stop <= 10; stop++) clock.look(stop * 10_250);
    assert.equal(clock.toRunning(102_500), 2_500);
    assert.equal(clock.toRunning(102_500) - clock.toRunning(51_250), 1_250);
  });

  it("keeps a bound number of stops, and forgets no time of those", () => {
    const clock = new RunningClock(INTERVAL, 0);
    for (let stop = 1; stop <= 1000; stop++) clock.look(stop * 10_250);
    assert.equal(clock.toRunning(1000 * 10_250), 1000 * INTERVAL);
  });
});
