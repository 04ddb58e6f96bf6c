import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TicketTable } from "../../../src/queue/ticket-table.ts";

const PLACES = 8;

interface Entry {
  readonly id: number;
}

function filled(...ids: readonly number[]): TicketTable<Entry> {
  const table = new TicketTable<Entry>(PLACES);
  for (const id of ids) table.add({ id });
  return table;
}

const idsOf = (table: TicketTable<Entry>): number[] => [...table.values()].map(({ id }) => id);

describe("ticket table", () => {
  it("finds what was added, and nothing else", () => {
    const table = filled(5, 6, 7);
    assert.equal(table.get(6)?.id, 6);
    assert.equal(table.get(6 + PLACES), undefined);
    assert.equal(table.get(4), undefined);
    assert.equal(table.size, 3);
  });

  it("keeps a ticket that is still open when the ring has come round, in its order", () => {
    const table = filled(1, 2, 3);
    table.delete(2);
    for (let id = 4; id <= 3 * PLACES; id++) {
      table.add({ id });
      if (id !== 9) table.delete(id);
    }
    assert.deepEqual(idsOf(table), [1, 3, 9]);
    assert.equal(table.get(1)?.id, 1);
    assert.ok(table.delete(3));
    assert.deepEqual(idsOf(table), [1, 9]);
    assert.equal(table.size, 2);
  });

  it("keeps the order where ids were left out", () => {
    const table = filled(1, 2);
    table.add({ id: 10 }); // the place of 2, as 9 was left out
    table.add({ id: 12 });
    assert.deepEqual(idsOf(table), [1, 2, 10, 12]);
  });

  it("keeps the order when ids begin anew", () => {
    const last = 0xffffffff;
    const table = filled(last - 1, last, 1, 2);
    assert.deepEqual(idsOf(table), [last - 1, last, 1, 2]);
    assert.equal(table.get(last)?.id, last);
  });

  it("deletes only once, and not the ticket that took the place", () => {
    const table = filled(1);
    assert.ok(table.delete(1));
    assert.equal(table.delete(1), false);
    table.add({ id: 1 + PLACES });
    assert.equal(table.delete(1), false);
    assert.equal(table.size, 1);
  });

  it("holds more tickets than the ring has places", () => {
    const ids = Array.from({ length: 5 * PLACES }, (_, nr) => nr + 1);
    const table = filled(...ids);
    assert.deepEqual(idsOf(table), ids);
    for (const id of ids) assert.ok(table.delete(id));
    assert.equal(table.size, 0);
    assert.deepEqual(idsOf(table), []);
  });
});
