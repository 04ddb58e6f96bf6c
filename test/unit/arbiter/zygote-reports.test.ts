import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ZygoteReport } from "../../../src/arbiter/zygote-messages.ts";
import { ZygoteReportReader } from "../../../src/arbiter/zygote-reports.ts";
import { Random } from "../random.ts";

const READY = '\n{"type": "ready", "pid": 7}\n';

function read(...parts: readonly string[]): { readonly reports: ZygoteReport[]; readonly garbage: string[] } {
  const found = { reports: [] as ZygoteReport[], garbage: [] as string[] };
  const reader = new ZygoteReportReader(
    (report) => found.reports.push(report),
    (line) => found.garbage.push(line),
  );
  for (const part of parts) reader.read(part);
  return found;
}

describe("what a zygote writes", () => {
  it("is read wherever it is cut", () => {
    const text = `${READY}\n{"type": "forked", "age": 1, "pid": 8}\n${READY}`;
    for (let at = 0; at <= text.length; at++) {
      const { reports, garbage } = read(text.slice(0, at), text.slice(at));
      assert.deepEqual(
        reports.map(({ type }) => type),
        ["ready", "forked", "ready"],
      );
      assert.deepEqual(garbage, []);
    }
  });

  for (const garbage of [
    "hello",
    "null",
    "[]",
    "7",
    '"x"',
    "{}",
    '{"type": 5}',
    '{"type": "nonsense"}',
    '{"type": "toString"}',
    '{"type": "ready"}',
    '{"type": "ready", "pid": "7"}',
    '{"type": "ready", "pid": null}',
    '{"type": "ready", "pid": -1}',
    '{"type": "forked", "age": 1.5, "pid": 8}',
    '{"type": "exited", "age": 1, "pid": 8}',
    '{"type": "imported", "pid": 8, "files": [["a"]]}',
    '{"type": "imported", "pid": 8, "files": {}}',
    '{"type": "configured", "values": [null]}',
    '{"type": "hook-failed", "name": "when_ready", "age": "1"}',
    "[".repeat(100_000),
  ]) {
    it(`is no report when it is ${garbage.slice(0, 60)}, and the next one is read`, () => {
      // Whoever writes there may not end the line.
      const found = read(garbage, READY);
      assert.deepEqual(found.garbage, [garbage]);
      assert.deepEqual(found.reports, [{ type: "ready", pid: 7 }]);
    });
  }

  it("may be any bytes", () => {
    const random = new Random(1);
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
      const { reports } = read(bytes.toString("utf8"), READY);
      assert.deepEqual(reports, [{ type: "ready", pid: 7 }]);
    }
  });

  it("is not kept for ever when no line ends", () => {
    const part = "x".repeat(1024 * 1024);
    const { garbage } = read(...Array.from({ length: 17 }, () => part));
    assert.equal(garbage.length, 1);
  });
});
