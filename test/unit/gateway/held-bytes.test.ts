import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HeldBytes, type Holder } from "../../../src/gateway/held-bytes.ts";

/** Holders named by number; `shed` is the order in which they were told to give up. */
function scene(limit: number) {
  const held = new HeldBytes(limit);
  const shed: number[] = [];
  const holders: Holder[] = Array.from({ length: 20 }, (_, nr) => ({
    shed: () => {
      shed.push(nr);
      held.set(holders[nr] as Holder, 0);
    },
  }));
  const hold = (nr: number, bytes: number): void => held.set(holders[nr] as Holder, bytes);
  return { held, shed, hold };
}

describe("what connections hold together", () => {
  it("is the sum of what each holds now", () => {
    const { held, hold } = scene(1000);
    hold(1, 100);
    hold(2, 300);
    hold(1, 150);
    assert.equal(held.total, 450);
    hold(2, 0);
    hold(3, 0);
    assert.equal(held.total, 150);
  });

  it("may reach the bound, and past it the oldest give up theirs until an eighth is free", () => {
    const { held, shed, hold } = scene(1000);
    for (let nr = 0; nr < 10; nr++) hold(nr, 100);
    assert.deepEqual(shed, []);
    hold(10, 100);
    assert.deepEqual(shed, [0, 1, 2]);
    assert.equal(held.total, 800);
  });

  it("counts the age of a holder from when it last held nothing", () => {
    const { shed, hold } = scene(1000);
    for (let nr = 0; nr < 10; nr++) hold(nr, 99);
    hold(0, 100);
    hold(1, 0);
    hold(1, 99);
    hold(10, 100);
    assert.deepEqual(shed, [0, 2, 3]);
  });

  it("is not brought down by those that hold less than half of the average", () => {
    const { held, shed, hold } = scene(1000);
    hold(0, 10);
    for (let nr = 1; nr < 11; nr++) hold(nr, 100);
    assert.deepEqual(shed, [1, 2]);
    assert.equal(held.total, 810);
  });

  it("is brought down by one alone, too", () => {
    const { held, shed, hold } = scene(1000);
    hold(0, 1);
    hold(1, 1001);
    assert.deepEqual(shed, [1]);
    assert.equal(held.total, 1);
  });

  it("costs nobody anything when it becomes less", () => {
    const { shed, hold } = scene(1000);
    hold(0, 900);
    hold(1, 100);
    hold(0, 899);
    assert.deepEqual(shed, []);
  });
});
