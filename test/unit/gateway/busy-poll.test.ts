import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BusyPoll } from "../../../src/gateway/busy-poll.ts";

/** Until nothing has come in time. */
async function missed(poll: BusyPoll): Promise<void> {
  while (poll.isAwake) await pause(1);
}

/** How many of so many chances it takes, when nothing ever comes in time. */
async function triesOf(poll: BusyPoll, chances: number, inWork: number): Promise<number> {
  let tries = 0;
  for (let chance = 0; chance < chances; chance++) {
    poll.next(inWork);
    if (poll.isAwake) tries++;
    await missed(poll);
  }
  return tries;
}

describe("staying awake for what is due", () => {
  it("ends when nothing has come within the limit", async () => {
    const poll = new BusyPoll(5, 1);
    const before = performance.now();
    poll.next(1);
    assert.equal(poll.isAwake, true);
    await missed(poll);
    assert.ok(performance.now() - before >= 5);
  });

  it("does not begin while the requests in work need the processors", () => {
    const poll = new BusyPoll(1e3, 1);
    poll.next(2);
    assert.equal(poll.isAwake, false);
  });

  it("ends when more requests come than there are processors for", async () => {
    const poll = new BusyPoll(1e6, 1);
    poll.next(1);
    poll.next(2);
    await missed(poll);
  });

  for (const [what, limitMs, spare] of [
    ["when it is switched off", 0, 7],
    ["on a machine of one processor", 200, 0],
    ["with more gateways than processors", 200, -1],
  ] as const) {
    it(`never begins ${what}`, () => {
      const poll = new BusyPoll(limitMs, spare);
      poll.next(0);
      assert.equal(poll.isAwake, false);
    });
  }

  it("is tried ever more seldom where it never helps", async () => {
    const poll = new BusyPoll(0.01, 1);
    // One try, one chance let pass; one try, three let pass; then 7, 15, 31, 63, 127, and 255 from there on.
    assert.equal(await triesOf(poll, 2 + 4 + 8 + 16, 1), 4);
    assert.equal(await triesOf(poll, 32 + 64 + 128 + 256 + 256 + 256, 1), 6);
  });

  it("goes on being tried where it helps", () => {
    const poll = new BusyPoll(1e3, 1);
    for (let request = 0; request < 100; request++) {
      poll.next(1);
      assert.equal(poll.isAwake, true);
      poll.next(0);
      assert.equal(poll.isAwake, true);
    }
    poll.next(2);
  });

  it("is tried for replies although requests never come in time", async () => {
    const poll = new BusyPoll(0.01, 1);
    await triesOf(poll, 100, 0);
    poll.next(1);
    assert.equal(poll.isAwake, true);
    await missed(poll);
  });
});
