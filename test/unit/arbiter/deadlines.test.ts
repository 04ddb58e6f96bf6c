import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Deadlines, INTERRUPT_GRACE_MS, monotonicMs } from "../../../src/arbiter/deadlines.ts";
import { monotonicMs as gatewayMonotonicMs } from "../../../src/gateway/clock.ts";
import { SLOT_FREE, SLOT_IDLE, SLOT_RETIRING, SLOT_WORKING } from "../../../src/queue/layout.ts";
import type { SlotRecord } from "../../../src/queue/scoreboard.ts";

const TIMEOUT_MS = 30_000;
const TIMEOUT = (): number => TIMEOUT_MS;
const STARTED = 1000;
const LATE = STARTED + TIMEOUT_MS + 1;

function slot(changes: Partial<SlotRecord> = {}): SlotRecord {
  const busy = { age: 3, pid: 4711, generation: 1, state: SLOT_WORKING, gateway: 2, ticket: 77, served: 9 };
  return { ...busy, startedMs: STARTED, ...changes };
}

/** That have looked at these before. */
function deadlinesWith(...slots: readonly SlotRecord[]): Deadlines {
  const deadlines = new Deadlines();
  assert.deepEqual(deadlines.overdue(slots, TIMEOUT, STARTED), []);
  return deadlines;
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
    const limit = (age: number): number => (age === 4 ? TIMEOUT_MS : TIMEOUT_MS * 2);
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
    assert.equal(deadlines.overdue([next], TIMEOUT, LATE).length, 0);
    assert.equal(deadlines.overdue([next], TIMEOUT, LATE + TIMEOUT_MS + 1)[0]?.ticket, 78);
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

  it("is not overdue when its slot was read half written", () => {
    for (const before of [slot({ state: SLOT_IDLE, startedMs: 0 }), slot({ startedMs: LATE - 300 })]) {
      const deadlines = deadlinesWith(before);
      assert.deepEqual(deadlines.overdue([slot({ startedMs: 0 })], TIMEOUT, LATE), []);
      assert.deepEqual(deadlines.overdue([slot({ startedMs: LATE - 1 })], TIMEOUT, LATE + 250), []);
    }
  });

  it("is never overdue with a timeout of 0", () => {
    assert.deepEqual(
      deadlinesWith(slot()).overdue([slot()], () => 0, LATE),
      [],
    );
  });
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
