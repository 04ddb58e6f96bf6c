import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
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
  asksToRetire: false,
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

  it("tells nothing that could harm a reader, whatever stands in it", (t) => {
    const { path, reader } = newScoreboard(t, 3);
    const fd = openSync(path, "r+");
    t.after(() => closeSync(fd));
    for (const byte of [0x00, 0x7f, 0x80, 0xf0, 0xff]) {
      writeSync(fd, Buffer.alloc(3 * SLOT_BYTES, byte), 0, 3 * SLOT_BYTES, SCOREBOARD_HEADER_BYTES);
      for (const record of reader.read()) {
        const { asksToRetire: _, progressMs, ...rest } = record;
        for (const value of [Math.abs(progressMs), ...Object.values(rest).map(Math.abs)])
          assert.ok(Number.isFinite(value));
        assert.ok(record.startedMs < 1e15);
      }
      const tickets: number[] = [];
      reader.forEachTicket(0x80808080, (ticket) => tickets.push(ticket));
      assert.equal(tickets.length, byte === 0x80 ? 3 : 0);
    }
    assert.equal(reader.maybeSlot(-1), undefined);
    assert.equal(reader.maybeSlot(3), undefined);
  });

  it("has free slots where its file was cut, and is whole again once it is restored", (t) => {
    const { path } = newScoreboard(t, 3);
    const reader = new ScoreboardReader(path, "r+");
    t.after(() => reader.close());
    const whole = readFileSync(path);
    occupy(path, 2, 7);
    assert.deepEqual(reader.read()[2], busy(7));
    truncateSync(path, 0);
    assert.deepEqual(reader.read(), [FREE, FREE, FREE]);
    reader.restore();
    assert.deepEqual(readFileSync(path), whole);
    writeFileSync(path, Buffer.alloc(SCOREBOARD_HEADER_BYTES, 0xff), { flag: "r+" });
    reader.restore();
    assert.deepEqual(readFileSync(path), whole);
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
