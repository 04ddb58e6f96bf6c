import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { printable, printableJson } from "../../../src/control/printable.ts";
import { formatStatus } from "../../../src/control/status-text.ts";

/** ESC, BEL, DEL, CSI of C1, a line separator, and an override of the direction of writing. */
const EVIL = "\u001b]0;owned\u0007\u007f\u009b31m\u2028\u202e";
const HARMLESS = "\\u001b]0;owned\\u0007\\u007f\\u009b31m\\u2028\\u202e";

describe("what an instance says", () => {
  it("is shown without anything that a terminal would obey", () => {
    assert.equal(printable(`GET /é\n${EVIL}`), `GET /é\\u000a${HARMLESS}`);
  });

  it("stays the same JSON", () => {
    const value = { state: EVIL, lines: ["one\ntwo"] };
    assert.ok(printableJson(value).includes(`"state": "${HARMLESS}"`));
    assert.deepEqual(JSON.parse(printableJson(value)), value);
  });

  it("makes no line of its own in the table of workers", () => {
    const worker = { pid: 2, generation: 1, requests: 1, memory: null };
    const work = [{ request: `GET /${EVIL}\nfake`, seconds: 1 }];
    const workers = [{ ...worker, state: `${EVIL}\nready`, work }];
    const text = formatStatus({ pid: 1, uptime: 1, workers_target: 1, reloads: 0, workers });
    assert.equal(text.split("\n").length, 3);
    assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}|\u2028|\u202e/u);
  });
});
