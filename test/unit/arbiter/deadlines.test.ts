import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  Deadlines,
  INTERRUPT_GRACE_MS,
  type Limits,
  LOOK_MS,
  monotonicMs,
} from "../../../src/arbiter/deadlines.ts";
import { monotonicMs as gatewayMonotonicMs } from "../../../src/gateway/clock.ts";
import { SLOT_FREE, SLOT_IDLE, SLOT_RETIRING, SLOT_WORKING } from "../../../src/queue/layout.ts";
import type { SlotRecord } from "../../../src/queue/scoreboard.ts";

const TIMEOUT_MS = 30_000;
const TIMEOUT = (): Limits => ({ totalMs: TIMEOUT_MS, progressMs: 0 });
const PROGRESS = (): Limits => ({ totalMs: 0, progressMs: TIMEOUT_MS });
const STARTED = 1000;
const LATE = STARTED + TIMEOUT_MS + 1;

function slot(changes: Partial<SlotRecord> = {}): SlotRecord {
  const busy = { age: 3, pid: 4711, generation: 1, state: SLOT_WORKING, gateway: 2, ticket: 77, served: 9 };
  return { ...busy, startedMs: STARTED, progressMs: 0, aliveMs: 0, asksToRetire: false, ...changes };
}

/** That have looked at these before, and last a moment before `LATE`. */
function deadlinesWith(...slots: readonly SlotRecord[]): Deadlines {
  const deadlines = new Deadlines();
  for (const nowMs of [LATE - 2 * LOOK_MS, LATE - LOOK_MS])
    assert.deepEqual(
      deadlines.overdue(slots, () => ({ totalMs: 0, progressMs: 0 }), nowMs),
      [],
    );
  return deadlines;
}

/** Looks in time until the request is overdue; how long it had run by then, or `untilMs`. */
function ranUntilOverdue(
  at: (nowMs: number) => SlotRecord,
  limits: () => Limits,
  untilMs = TIMEOUT_MS * 10,
): number {
  const deadlines = new Deadlines();
  for (let nowMs = STARTED; nowMs < STARTED + untilMs; nowMs += LOOK_MS)
    if (deadlines.overdue([at(nowMs)], limits, nowMs).length > 0) return nowMs - STARTED;
  return untilMs;
}

describe("a request", () => {
  it("is overdue when it has run for longer than the timeout, not earlier", () => {
    const deadlines = deadlinesWith(slot());
    assert.deepEqual(deadlines.overdue([slot()], TIMEOUT, LATE - 1), []);
    assert.deepEqual(deadlines.overdue([slot()], TIMEOUT, LATE), [
      { step: "interrupt", age: 3, slot: 0, gateway: 2, ticket: 77, ranMs: TIMEOUT_MS + 1 },
    ]);
  });

  it("has the limit of its own worker", () => {
    const limit = (age: number): Limits => ({
      totalMs: age === 4 ? TIMEOUT_MS : TIMEOUT_MS * 2,
      progressMs: 0,
    });
    const found = deadlinesWith(slot(), slot({ age: 4 })).overdue([slot(), slot({ age: 4 })], limit, LATE);
    assert.deepEqual(
      found.map(({ age }) => age),
      [4],
    );
  });

  it("that does not end in the time that it is given is lost, once", () => {
    const deadlines = deadlinesWith(slot());
    const look = (nowMs: number): string[] =>
      deadlines.overdue([slot()], TIMEOUT, nowMs).map(({ step }) => step);
    assert.deepEqual(look(LATE), ["interrupt"]);
    assert.deepEqual(look(LATE + INTERRUPT_GRACE_MS), []);
    assert.equal(deadlines.isLost(0, slot()), false);
    assert.deepEqual(look(LATE + INTERRUPT_GRACE_MS + 1), ["lose"]);
    assert.deepEqual(look(LATE + INTERRUPT_GRACE_MS + 2), []);
    assert.equal(deadlines.isLost(0, slot()), true);
    assert.equal(deadlines.isLost(0, slot({ startedMs: LATE })), false, "the next request");
    assert.equal(deadlines.isLost(0, slot({ state: SLOT_IDLE })), false);
    assert.equal(deadlines.isLost(1, slot()), false);
  });

  it("is reported once", () => {
    const deadlines = deadlinesWith(slot());
    assert.equal(deadlines.overdue([slot()], TIMEOUT, LATE).length, 1);
    assert.equal(deadlines.overdue([slot()], TIMEOUT, LATE + 250).length, 0);
  });

  it("is reported although an earlier one on the same slot was", () => {
    const deadlines = deadlinesWith(slot());
    deadlines.overdue([slot()], TIMEOUT, LATE);
    const next = slot({ ticket: 78, startedMs: LATE });
    const found: number[] = [];
    for (let nowMs = LATE; nowMs <= LATE + TIMEOUT_MS + LOOK_MS; nowMs += LOOK_MS)
      found.push(...deadlines.overdue([next], TIMEOUT, nowMs).map(({ ticket }) => ticket));
    assert.deepEqual(found, [78]);
  });

  it("is reported although one on another slot began at the same time", () => {
    const found = deadlinesWith(slot(), slot({ ticket: 78 })).overdue(
      [slot(), slot({ ticket: 78 })],
      TIMEOUT,
      LATE,
    );
    assert.deepEqual(
      found.map(({ ticket }) => ticket),
      [77, 78],
    );
  });

  it("is not overdue at the first look at it", () => {
    for (const before of [slot({ state: SLOT_IDLE, startedMs: 0 }), slot({ startedMs: LATE - 300 })]) {
      const deadlines = deadlinesWith(before);
      assert.deepEqual(deadlines.overdue([slot({ startedMs: 0 })], TIMEOUT, LATE), []);
      assert.deepEqual(deadlines.overdue([slot({ startedMs: LATE - 1 })], TIMEOUT, LATE + 250), []);
    }
  });

  it("is never overdue with limits of 0", () => {
    assert.deepEqual(
      deadlinesWith(slot()).overdue([slot()], () => ({ totalMs: 0, progressMs: 0 }), LATE),
      [],
    );
  });
});

describe("a response that moves on", () => {
  it("is bounded from its last progress where progress is what counts", () => {
    const at = (nowMs: number): SlotRecord => slot({ progressMs: Math.min(nowMs, STARTED + 100_000) });
    assert.equal(ranUntilOverdue(at, PROGRESS), 100_000 + TIMEOUT_MS + LOOK_MS);
    assert.equal(ranUntilOverdue(at, TIMEOUT), TIMEOUT_MS + LOOK_MS);
  });

  it("is bounded by whichever limit comes first", () => {
    const both = (): Limits => ({ totalMs: TIMEOUT_MS, progressMs: TIMEOUT_MS / 2 });
    assert.equal(
      ranUntilOverdue(() => slot(), both),
      TIMEOUT_MS / 2 + LOOK_MS,
    );
    assert.equal(
      ranUntilOverdue((nowMs) => slot({ progressMs: nowMs }), both),
      TIMEOUT_MS + LOOK_MS,
    );
  });

  it("of an earlier request does not count", () => {
    for (const progressMs of [STARTED - 1, -(STARTED - 500)])
      assert.equal(
        ranUntilOverdue(() => slot({ progressMs }), PROGRESS),
        TIMEOUT_MS + LOOK_MS,
      );
  });

  it("is not overdue while it waits for its gateway, nor does the wait count afterwards", () => {
    const waiting = slot({ progressMs: -STARTED });
    for (const limits of [TIMEOUT, PROGRESS])
      assert.equal(
        ranUntilOverdue(() => waiting, limits),
        TIMEOUT_MS * 10,
      );
    const until = STARTED + 200_000;
    const then = (nowMs: number): SlotRecord => (nowMs <= until ? waiting : slot({ progressMs: until }));
    assert.equal(ranUntilOverdue(then, TIMEOUT), 200_000 + TIMEOUT_MS + LOOK_MS);
    assert.equal(ranUntilOverdue(then, PROGRESS), 200_000 + TIMEOUT_MS + LOOK_MS);
  });
});

describe("time in which the arbiter did not run", () => {
  for (const [kind, limits] of [
    ["the whole request", TIMEOUT],
    ["progress", PROGRESS],
  ] as const) {
    it(`does not count for ${kind}, because perhaps nobody ran`, () => {
      const deadlines = new Deadlines();
      for (let nowMs = STARTED; nowMs <= STARTED + 1000; nowMs += LOOK_MS)
        assert.deepEqual(deadlines.overdue([slot()], limits, nowMs), []);
      const stoppedMs = 3_600_000;
      let ran = 1000;
      while (deadlines.overdue([slot()], limits, STARTED + stoppedMs + ran).length === 0) ran += LOOK_MS;
      assert.ok(Math.abs(ran - TIMEOUT_MS) <= 2 * LOOK_MS, `${ran} ms`);
    });
  }
});

describe("a thread", () => {
  it("that is not on a request is never overdue", () => {
    for (const state of [SLOT_FREE, SLOT_IDLE, SLOT_RETIRING]) {
      assert.deepEqual(deadlinesWith(slot()).overdue([slot({ state })], TIMEOUT, LATE), []);
    }
  });

  it("of nobody is never overdue", () => {
    assert.deepEqual(deadlinesWith(slot()).overdue([slot({ age: 0 })], TIMEOUT, LATE), []);
  });
});

describe("the monotonic clock", () => {
  it("is the same in arbiter and gateway", () => {
    const before = monotonicMs();
    const gateway = gatewayMonotonicMs();
    const after = monotonicMs();
    // The gateway's is put together from two clocks of Node, read one after the other.
    assert.ok(gateway > before - 1 && gateway < after + 1, `${before} ${gateway} ${after}`);
  });
});
