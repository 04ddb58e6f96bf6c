import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Children, isClaiming, type Worker } from "../../../src/arbiter/children.ts";
import {
  EVENTS,
  STATES,
  TRANSITIONS,
  type WorkerEvent,
  type WorkerState,
} from "../../../src/arbiter/worker-states.ts";
import { workerStatesPage } from "../../../src/cli/worker-states-page.ts";

const ALL_STATES = Object.keys(STATES) as WorkerState[];
const ALL_EVENTS = Object.keys(EVENTS) as WorkerEvent[];

describe("the table of worker states", () => {
  it("is what docs/worker-states.md shows", () => {
    const page = join(import.meta.dirname, "../../../docs/worker-states.md");
    assert.equal(readFileSync(page, "utf8"), workerStatesPage());
  });

  it("lets a worker go from each state when it exits", () => {
    for (const state of ALL_STATES) assert.equal(TRANSITIONS[state].exited?.to, "gone", state);
  });

  it("reaches every state from the first, and none in which a worker claims again after it was told to retire", () => {
    const reached = (from: WorkerState): Set<string> => {
      const found = new Set<string>();
      const visit = (state: WorkerState): void => {
        if (found.has(state)) return;
        found.add(state);
        for (const { to } of Object.values(TRANSITIONS[state])) if (to !== "gone") visit(to);
      };
      visit(from);
      return found;
    };
    assert.deepEqual(reached("forking"), new Set(ALL_STATES));
    for (const state of ["retiring", "lost"] as const) {
      for (const claiming of ["ready", "replacing"]) assert.equal(reached(state).has(claiming), false);
    }
  });
});

describe("a worker", () => {
  for (const state of ALL_STATES) {
    for (const event of ALL_EVENTS) {
      it(`that is ${state} follows the table when ${event} happens`, () => {
        const children = new Children(1);
        const worker = children.maybeAdd(1, 1) as Worker;
        worker.state = state;
        const transition = TRANSITIONS[state][event];
        assert.deepEqual(children.happened(worker, event), transition?.actions ?? []);
        assert.equal(children.byAge(worker.age), transition?.to === "gone" ? undefined : worker);
        if (transition?.to !== "gone") assert.equal(worker.state, transition?.to ?? state);
      });
    }
  }

  it("claims while it is ready, and while its successor is made", () => {
    const worker = new Children(1).maybeAdd(1, 1) as Worker;
    const claiming = ALL_STATES.filter((state) => isClaiming({ ...worker, state }));
    assert.deepEqual(claiming, ["ready", "replacing"]);
  });
});
