/**
 * Every wire vector, however it is cut, with other bytes around it, and with the next request behind it.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Accepted, type Outcome, outcomeInside, outcomeOf, withoutSeenSize } from "./outcome.ts";
import { loadVectors, type Vector } from "./vectors.ts";

const NEXT_REQUEST = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
const SMALL_SIZES = [1, 2, 3, 5, 7, 11, 64];

interface ExpectedRejection {
  readonly status: number;
  readonly message: string;
}

function followed<E>(vector: Vector<E>): Buffer {
  return Buffer.concat([vector.bytes, Buffer.from(NEXT_REQUEST)]);
}

function checkEveryCut<E>(vector: Vector<E>, expected: Outcome, expectedWhenFollowed: Outcome): void {
  const { bytes, rules } = vector;
  assert.deepEqual(
    outcomeOf(bytes, rules, () => bytes.length),
    expected,
    "in one piece",
  );
  const long = followed(vector);
  assert.deepEqual(
    outcomeOf(long, rules, () => long.length),
    expectedWhenFollowed,
    "with the next request",
  );
  const around = Buffer.from("HTTP\r\n\r\n");
  assert.deepEqual(outcomeInside(around, bytes, around, rules), expected, "inside a larger buffer");
  for (const size of SMALL_SIZES) {
    const cut = outcomeOf(long, rules, () => size);
    assert.deepEqual(
      withoutSeenSize(cut),
      withoutSeenSize(expectedWhenFollowed),
      `in pieces of ${size} bytes`,
    );
  }
}

describe("requests that are read", () => {
  for (const vector of loadVectors<Omit<Accepted, "kind">>("accept")) {
    test(vector.name, () => {
      const expected = { kind: "accepted", ...vector.expected } as const;
      const rest = vector.expected.rest + NEXT_REQUEST;
      checkEveryCut(vector, expected, { ...expected, rest });
    });
  }
});

describe("requests that are refused", () => {
  for (const vector of loadVectors<ExpectedRejection>("reject")) {
    test(vector.name, () => {
      const { status, message } = vector.expected;
      const expected = { kind: "rejected", status, message } as const;
      checkEveryCut(vector, expected, expected);
    });
  }
});
