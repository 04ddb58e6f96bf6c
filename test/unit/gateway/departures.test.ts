import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Departures } from "../../../src/gateway/departures.ts";
import {
  SCOREBOARD_HEADER_BYTES,
  SLOT,
  SLOT_BYTES,
  SLOT_IDLE,
  SLOT_WORKING,
} from "../../../src/queue/layout.ts";
import { createScoreboard } from "../../../src/queue/scoreboard.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const AGE = 2;
const TICKET = 77;
const OPEN = (): boolean => true;

class Board {
  readonly departures: Departures;
  readonly #path = join(mkdtempSync(join(ROOT, "case-")), "scoreboard");

  constructor(t: TestContext) {
    createScoreboard(this.#path, 3);
    this.departures = new Departures(this.#path, AGE);
    t.after(() => this.departures.close());
  }

  /** As the worker thread of that slot would. */
  note(slot: number, state: number, gateway: number, ticket: number): void {
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32LE(gateway, 0);
    numbers.writeUInt32LE(ticket, 4);
    this.write(slot, SLOT.gateway, numbers);
    this.write(slot, SLOT.state, Buffer.from([state]));
  }

  write(slot: number, field: number, bytes: Buffer): void {
    const fd = openSync(this.#path, "r+");
    writeSync(fd, bytes, 0, bytes.length, SCOREBOARD_HEADER_BYTES + slot * SLOT_BYTES + field);
    closeSync(fd);
  }

  /** Gateway and ticket of the request whose client has departed. */
  told(slot: number, field: number): [number, number] {
    const board = readFileSync(this.#path);
    const offset = SCOREBOARD_HEADER_BYTES + slot * SLOT_BYTES + field;
    return [board.readUInt32LE(offset), board.readUInt32LE(offset + 4)];
  }
}

describe("a client that leaves", () => {
  it("is told to the thread that is on its request, and to no other", (t) => {
    const board = new Board(t);
    board.note(0, SLOT_WORKING, AGE, TICKET + 1);
    board.note(1, SLOT_WORKING, AGE, TICKET);
    board.note(2, SLOT_WORKING, AGE + 1, TICKET);
    board.departures.left(TICKET);
    assert.deepEqual(
      [0, 1, 2].map((slot) => board.told(slot, SLOT.leftGateway)),
      [
        [0, 0],
        [AGE, TICKET],
        [0, 0],
      ],
    );
    assert.deepEqual(board.told(1, SLOT.endedGateway), [0, 0]);
  });

  it("is told to nobody when the request is finished, or has not been claimed", (t) => {
    const board = new Board(t);
    board.note(0, SLOT_IDLE, AGE, TICKET);
    board.departures.left(TICKET);
    board.departures.sweep(OPEN);
    board.note(0, SLOT_WORKING, AGE, TICKET);
    board.departures.sweep(OPEN);
    assert.deepEqual(board.told(0, SLOT.leftGateway), [0, 0]);
  });

  it("is told again when another gateway has written over it", (t) => {
    const board = new Board(t);
    board.note(0, SLOT_WORKING, AGE, TICKET);
    board.departures.left(TICKET);
    board.write(0, SLOT.leftGateway, Buffer.from([9, 0, 0, 0, 9, 0, 0, 0]));
    board.departures.sweep(OPEN);
    assert.deepEqual(board.told(0, SLOT.leftGateway), [AGE, TICKET]);
  });
});

describe("a client that ends its side", () => {
  it("is told as such, and may still leave", (t) => {
    const board = new Board(t);
    board.note(0, SLOT_WORKING, AGE, TICKET);
    board.departures.ended(TICKET);
    assert.deepEqual(board.told(0, SLOT.endedGateway), [AGE, TICKET]);
    assert.deepEqual(board.told(0, SLOT.leftGateway), [0, 0]);
    board.departures.left(TICKET);
    assert.deepEqual(board.told(0, SLOT.leftGateway), [AGE, TICKET]);
  });

  it("is told to the thread that claims its request later, as long as it waits for a reply", (t) => {
    for (const isOpen of [true, false]) {
      const board = new Board(t);
      board.departures.ended(TICKET);
      board.departures.sweep(() => isOpen);
      board.note(2, SLOT_WORKING, AGE, TICKET);
      board.departures.sweep(OPEN);
      assert.deepEqual(board.told(2, SLOT.endedGateway), isOpen ? [AGE, TICKET] : [0, 0]);
    }
  });
});
