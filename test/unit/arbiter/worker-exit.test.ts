import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, it } from "node:test";
import { describeExit } from "../../../src/arbiter/worker-exit.ts";

const PID = 4711;
const { SIGABRT, SIGKILL, SIGSEGV, SIGTERM } = constants.signals;

describe("the end of a worker", () => {
  for (const { code = 0, signal = 0, expected = false, level, message, reason } of [
    {
      level: "debug",
      message: "Worker (pid:4711) exited with code 0.",
      reason: "exited with code 0",
    },
    {
      code: 1,
      level: "error",
      message: "Worker (pid:4711) exited with code 1.",
      reason: "exited with code 1",
    },
    {
      code: 1,
      expected: true,
      level: "debug",
      message: "Worker (pid:4711) exited with code 1.",
      reason: "exited with code 1",
    },
    {
      signal: SIGKILL,
      level: "error",
      message: "Worker (pid:4711) was sent SIGKILL! Perhaps out of memory?",
      reason: "was killed by SIGKILL",
    },
    {
      signal: SIGTERM,
      level: "info",
      message: "Worker (pid:4711) was sent SIGTERM!",
      reason: "was killed by SIGTERM",
    },
    {
      signal: SIGSEGV,
      level: "warning",
      message: "Worker (pid:4711) was sent SIGSEGV!",
      reason: "was killed by SIGSEGV",
    },
    {
      signal: SIGABRT,
      expected: true,
      level: "debug",
      message: "Worker (pid:4711) was sent SIGABRT!",
      reason: "was killed by SIGABRT",
    },
    {
      signal: 63,
      level: "warning",
      message: "Worker (pid:4711) was sent signal 63!",
      reason: "was killed by signal 63",
    },
  ]) {
    it(`is told as ${level}: ${message}`, () => {
      assert.deepEqual(describeExit(PID, code, signal, expected), { level, message, reason });
    });
  }
});
