import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import {
  SCOREBOARD_HEADER_BYTES,
  SLOT,
  SLOT_BYTES,
  SLOT_FREE,
  SLOT_WORKING,
} from "../../../src/queue/layout.ts";
import { createScoreboard, ScoreboardReader, type SlotRecord } from "../../../src/queue/scoreboard.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const FREE: SlotRecord = {
  age: 0,
  pid: 0,
  generation: 0,
  state: SLOT_FREE,
  gateway: 0,
  ticket: 0,
  startedMs: 0,
  served: 0,
  progressMs: 0,
  aliveMs: 0,
};

function newScoreboard(t: TestContext, slots: number): { path: string; reader: ScoreboardReader } {
  const path = join(mkdtempSync(join(ROOT, "case-")), "scoreboard");
  createScoreboard(path, slots);
  const reader = new ScoreboardReader(path);
  t.after(() => reader.close());
  return { path, reader };
}

/** As a worker would; `ticket` is what the slot is told from others by. */
function occupy(path: string, slot: number, ticket: number): void {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeUInt8(SLOT_WORKING, SLOT.state);
  bytes.writeUInt32LE(ticket, SLOT.ticket);
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, SCOREBOARD_HEADER_BYTES + slot * SLOT_BYTES);
  closeSync(fd);
}

const busy = (ticket: number): SlotRecord => ({ ...FREE, state: SLOT_WORKING, ticket });

describe("the scoreboard", () => {
  it("has only free slots when it is created, and is its owner's alone", (t) => {
    const { path, reader } = newScoreboard(t, 3);
    assert.equal(reader.slots, 3);
    assert.deepEqual(reader.read(), [FREE, FREE, FREE]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("never takes over a file that is there", (t) => {
    const { path } = newScoreboard(t, 1);
    assert.throws(() => createScoreboard(path, 1), { code: "EEXIST" });
  });

  it("shows each look what workers have written since", (t) => {
    const { path, reader } = newScoreboard(t, 2);
    occupy(path, 1, 7);
    assert.deepEqual(reader.read(), [FREE, busy(7)]);
    occupy(path, 1, 8);
    assert.deepEqual(reader.read(), [FREE, busy(8)]);
  });

  it("shows some neighbouring slots only when asked to", (t) => {
    const { path, reader } = newScoreboard(t, 4);
    for (const slot of [0, 1, 2, 3]) occupy(path, slot, slot + 1);
    assert.deepEqual(reader.read(1, 2), [busy(2), busy(3)]);
    assert.deepEqual(reader.read(2), [busy(3), busy(4)]);
    assert.deepEqual(reader.read(0, 0), []);
  });

  it("keeps what it has shown when it is read again", (t) => {
    const { path, reader } = newScoreboard(t, 1);
    occupy(path, 0, 7);
    const [before] = reader.read();
    occupy(path, 0, 8);
    reader.read();
    assert.deepEqual(before, busy(7));
  });

  it("says when there is none", () => {
    assert.throws(() => new ScoreboardReader(join(ROOT, "nowhere")), { code: "ENOENT" });
  });
});
