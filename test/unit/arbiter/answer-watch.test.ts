import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerWatch, ASK_MS, silenceLimitMs } from "../../../src/arbiter/answer-watch.ts";

const LIMIT = 3000;

function spoken(): AnswerWatch {
  const watch = new AnswerWatch();
  watch.heard();
  return watch;
}

describe("how long a gateway may say nothing", () => {
  it("is timeout, at most 10 s, and 10 s without a timeout", () => {
    assert.deepEqual([3, 10, 30, 0].map(silenceLimitMs), [3000, 10_000, 10_000, 10_000]);
  });
});

describe("a gateway", () => {
  it("is asked at every look as long as it answers", () => {
    const watch = spoken();
    for (let look = 0; look < 100; look++) {
      assert.equal(watch.look(ASK_MS, LIMIT), "ask");
      watch.heard();
    }
  });

  it("is asked once, and hangs when it has said nothing for longer than the limit", () => {
    const watch = spoken();
    const looks = Array.from({ length: 7 }, () => watch.look(ASK_MS, LIMIT));
    assert.deepEqual(looks, ["ask", "wait", "wait", "wait", "wait", "wait", "hangs"]);
    assert.equal(watch.silence, 4);
  });

  it("has time to load its code before its first word", () => {
    const watch = new AnswerWatch();
    for (let ms = 0; ms < 30_000; ms += ASK_MS) assert.notEqual(watch.look(ASK_MS, LIMIT), "hangs");
    assert.equal(watch.look(ASK_MS, LIMIT), "hangs");
  });

  it("is excused for the time in which nobody ran", () => {
    const watch = spoken();
    for (let look = 0; look < 6; look++) watch.look(ASK_MS, LIMIT);
    watch.excuse();
    assert.equal(watch.look(ASK_MS, LIMIT), "wait");
  });
});
