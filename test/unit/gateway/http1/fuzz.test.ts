import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../../../fuzz/http1.ts";

const SEED = 9112;
const ROUNDS = 25_000;

test("mutated requests keep the fuzzer's invariant for a moment", () => {
  assert.equal(
    fuzz(SEED, (round) => round === ROUNDS),
    ROUNDS,
  );
});
