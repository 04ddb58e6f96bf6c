/**
 * Our parser beside Gunicorn's and llhttp on the same bytes. What they disagree about has a row in docs/differences.md, and each row
 * occurs.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentedRows, fuzzAgainstOthers, KNOWN_ROWS } from "../fuzz/differential.ts";

/** With it every row occurs. */
const SEED = 9;
const ROUNDS = 4000;

test("all parsers see the same request in the same bytes, or the difference is documented", async () => {
  const { met } = await fuzzAgainstOthers(SEED, (round) => round >= ROUNDS);
  assert.deepEqual([...met].sort(), [...KNOWN_ROWS].sort());
});

test("every documented difference between the parsers is one that is looked for", () => {
  assert.deepEqual([...documentedRows()].sort(), [...KNOWN_ROWS].sort());
});
