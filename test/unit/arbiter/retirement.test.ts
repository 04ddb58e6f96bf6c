import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Children, type Worker } from "../../../src/arbiter/children.ts";
import { Retirement, type RetirementLimits, type Use } from "../../../src/arbiter/retirement.ts";

const NONE: RetirementLimits = {
  max_requests: 0,
  max_requests_jitter: 0,
  max_worker_lifetime: 0,
  max_worker_lifetime_jitter: 0,
  max_worker_memory: 0,
};

function workers(count: number): Worker[] {
  const children = new Children(count);
  return Array.from({ length: count }, () => {
    const worker = children.maybeAdd(1, 1) as Worker;
    children.forked(worker.age, 1000 + worker.age);
    children.ready(worker.pid);
    return worker;
  });
}

const using = (served: number, memory?: number) => (): Use => ({ served, memory: () => memory });

describe("a worker is due to be replaced", () => {
  it("when it has served max_requests", () => {
    const retirement = new Retirement({ ...NONE, max_requests: 50 });
    const [worker] = workers(1) as [Worker];
    assert.deepEqual(retirement.due([worker], using(49), 0), []);
    assert.deepEqual(retirement.due([worker], using(50), 0), [{ worker, reason: "has served 50 requests" }]);
  });

  it("when it has served max_requests and its own share of the jitter, which is drawn once", () => {
    const draws = [0, 0.5, 0, 0];
    const retirement = new Retirement(
      { ...NONE, max_requests: 50, max_requests_jitter: 10 },
      () => draws.shift() ?? 1,
    );
    const [worker] = workers(1) as [Worker];
    assert.deepEqual(retirement.due([worker], using(54), 0), []);
    assert.equal(retirement.due([worker], using(55), 0).length, 1);
  });

  it("when it has served for max_worker_lifetime since it was first seen", () => {
    const retirement = new Retirement({ ...NONE, max_worker_lifetime: 60 });
    const [worker] = workers(1) as [Worker];
    assert.deepEqual(retirement.due([worker], using(0), 5000), []);
    assert.deepEqual(retirement.due([worker], using(0), 64_999), []);
    assert.equal(retirement.due([worker], using(0), 65_000).length, 1);
  });

  it("when it uses more than max_worker_memory, but not before it has served", () => {
    const retirement = new Retirement({ ...NONE, max_worker_memory: 2 ** 20 });
    const [worker] = workers(1) as [Worker];
    assert.deepEqual(retirement.due([worker], using(1, 2 ** 20), 0), []);
    assert.deepEqual(retirement.due([worker], using(0, 2 ** 30), 0), []);
    assert.deepEqual(retirement.due([worker], using(1), 0), [], "it has just gone");
    assert.deepEqual(retirement.due([worker], using(1, 2 ** 30), 0), [
      { worker, reason: "uses 1024 MiB of memory" },
    ]);
  });

  it("never without a limit, and its memory is not looked at", () => {
    const retirement = new Retirement(NONE);
    const use = (): Use => ({ served: 1e9, memory: () => assert.fail("looked at") });
    assert.equal(retirement.isEnabled, false);
    assert.deepEqual(retirement.due(workers(1), use, 1e12), []);
  });
});

describe("of many workers that are due", () => {
  it("a quarter is replaced at a time, the oldest first", () => {
    const retirement = new Retirement({ ...NONE, max_requests: 1 });
    const all = workers(9);
    const first = retirement.due(all, using(1), 0).map(({ worker }) => worker);
    assert.deepEqual(first, all.slice(0, 2));
    for (const worker of first) worker.state = "replacing";
    assert.deepEqual(retirement.due(all, using(1), 0), [], "until those have left");
  });

  it("one is replaced where there are few", () => {
    const retirement = new Retirement({ ...NONE, max_requests: 1 });
    assert.equal(retirement.due(workers(3), using(1), 0).length, 1);
  });
});
