import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Children, type Worker } from "../../../src/arbiter/children.ts";

const GENERATION = 1;

/** A worker that is ready; its pid is a thousand more than its age. */
function addReady(children: Children, threads = 1, generation = GENERATION): Worker {
  const worker = children.maybeAdd(generation, threads) as Worker;
  children.forked(worker.age, 1000 + worker.age);
  children.ready(worker.pid);
  return worker;
}

const agesOf = (workers: readonly Worker[]): readonly number[] => workers.map(({ age }) => age);

describe("a worker", () => {
  it("owns the slots that it was given, by its age and pid", () => {
    const children = new Children(6);
    const [first, second] = [addReady(children, 2), addReady(children, 2)];
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((slot) => children.owns(slot, second)),
      [false, false, true, true, false],
    );
    assert.equal(children.owns(0, { age: first.age, pid: second.pid }), false);
    assert.equal(children.owns(0, { age: 99, pid: first.pid }), false);
  });

  it("goes from forking over booting to ready", () => {
    const children = new Children(4);
    const worker = children.maybeAdd(GENERATION, 1) as Worker;
    assert.deepEqual(worker, {
      age: 1,
      generation: GENERATION,
      slot: 0,
      threads: 1,
      pid: 0,
      state: "forking",
      hasBooted: false,
    });
    children.forked(1, 4711);
    assert.equal(worker.state, "booting");
    assert.equal(worker.pid, 4711);
    assert.equal(worker.hasBooted, false);
    assert.equal(children.ready(4711), worker);
    assert.equal(worker.state, "ready");
    assert.equal(worker.hasBooted, true);
  });

  it("is found by its age from the start, and by its pid once it has one", () => {
    const children = new Children(4);
    const worker = children.maybeAdd(GENERATION, 1) as Worker;
    assert.equal(children.byAge(worker.age), worker);
    assert.equal(children.byPid(4711), undefined);
    children.forked(worker.age, 4711);
    assert.equal(children.byPid(4711), worker);
    children.remove(worker);
    assert.equal(children.byAge(worker.age), undefined);
    assert.equal(children.byPid(4711), undefined);
  });

  it("is forked once; a report of any other fork changes nothing", () => {
    const children = new Children(4);
    const worker = addReady(children);
    assert.deepEqual(children.forked(worker.age, 4712), []);
    assert.deepEqual(children.forked(99, 4712), []);
    assert.deepEqual(children.all(), [worker]);
    assert.equal(worker.pid, 1000 + worker.age);
  });

  it("that is told to retire while it boots stays so, and has booted all the same when it is ready", () => {
    const children = new Children(4);
    const worker = children.maybeAdd(GENERATION, 1) as Worker;
    children.forked(worker.age, 4711);
    assert.deepEqual(children.happened(worker, "retire"), ["order to retire"]);
    children.ready(4711);
    assert.equal(worker.state, "retiring");
    assert.ok(worker.hasBooted, "it may have claimed a request before it saw the order");
  });

  it("that is not known is none of ours", () => {
    assert.equal(new Children(4).ready(4711), undefined);
  });

  it("never gets the age of another", () => {
    const children = new Children(4);
    const first = addReady(children);
    children.remove(first);
    assert.equal((children.maybeAdd(GENERATION, 1) as Worker).age, 2);
  });
});

describe("the registry", () => {
  it("lists the workers of a generation, the oldest first, all or those in some states", () => {
    const children = new Children(9);
    const ready = addReady(children);
    const other = addReady(children, 1, GENERATION + 1);
    const forking = children.maybeAdd(GENERATION, 1) as Worker;
    const retiring = addReady(children);
    retiring.state = "retiring";
    assert.deepEqual(agesOf(children.of(GENERATION)), agesOf([ready, forking, retiring]));
    assert.deepEqual(agesOf(children.of(GENERATION, "ready")), agesOf([ready]));
    assert.deepEqual(agesOf(children.of(GENERATION, "retiring", "forking")), agesOf([forking, retiring]));
    assert.deepEqual(agesOf(children.of(GENERATION + 1)), agesOf([other]));
    assert.deepEqual(agesOf(children.all()), agesOf([ready, other, forking, retiring]));
    assert.equal(children.size, 4);
  });

  it("counts as capacity the threads of workers that are ready", () => {
    const children = new Children(16);
    assert.equal(children.capacity, 0);
    children.maybeAdd(GENERATION, 4) as Worker;
    assert.equal(children.capacity, 0);
    const worker = addReady(children, 4);
    addReady(children, 2, GENERATION + 1);
    assert.equal(children.capacity, 6);
    worker.state = "retiring";
    assert.equal(children.capacity, 2);
  });
});

describe("slots of the scoreboard", () => {
  it("are neighbours for the threads of one worker", () => {
    const children = new Children(8);
    assert.equal(addReady(children, 3).slot, 0);
    assert.equal(addReady(children, 2).slot, 3);
    assert.equal(addReady(children, 1).slot, 5);
  });

  it("are used again when their worker is gone, where enough are side by side", () => {
    const children = new Children(8);
    const [small, , large] = [addReady(children, 1), addReady(children, 1), addReady(children, 4)];
    children.remove(small);
    assert.equal(addReady(children, 2).slot, 6, "the free one alone is too small");
    assert.equal(addReady(children, 1).slot, 0);
    children.remove(large);
    assert.equal(addReady(children, 3).slot, 2);
  });

  it("end where the last taken one is", () => {
    const children = new Children(8);
    assert.equal(children.slotsInUse, 0);
    const first = addReady(children, 2);
    const second = addReady(children, 3);
    assert.equal(children.slotsInUse, 5);
    children.remove(first);
    assert.equal(children.slotsInUse, 5);
    children.remove(second);
    assert.equal(children.slotsInUse, 0);
  });

  it("may run out: then there is no worker, and nothing has changed", () => {
    const children = new Children(4);
    addReady(children, 3);
    assert.equal(children.maybeAdd(GENERATION, 2), null);
    assert.equal(children.size, 1);
    assert.equal(addReady(children, 1).slot, 3);
  });

  it("are counted by the workers that would find enough of them side by side", () => {
    const children = new Children(10);
    const [first] = [addReady(children, 3), addReady(children, 2)];
    assert.equal(children.roomFor(1), 5);
    assert.equal(children.roomFor(2), 2);
    assert.equal(children.roomFor(6), 0);
    children.remove(first as Worker);
    assert.equal(children.roomFor(2), 3);
    assert.equal(children.roomFor(4), 1);
  });
});
