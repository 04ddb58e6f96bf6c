import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maybeNearest } from "../../../src/cli/suggestion.ts";

const OPTIONS = ["--workers", "--worker-class", "--timeout", "-w", "--log-file"];

const NEAREST: Readonly<Record<string, string | undefined>> = {
  "--wokers": "--workers",
  "--wrokers": "--workers",
  "--workerss": "--workers",
  "--worker_class": "--worker-class",
  "--logfile": "--log-file",
  "--time-out": "--timeout",
  "--tmeout": "--timeout",
  "--bogus": undefined,
  "--x": undefined,
  "-x": undefined,
};

describe("a suggestion", () => {
  for (const [word, nearest] of Object.entries(NEAREST)) {
    it(`for ${word} is ${nearest ?? "not made"}`, () => assert.equal(maybeNearest(word, OPTIONS), nearest));
  }
});
