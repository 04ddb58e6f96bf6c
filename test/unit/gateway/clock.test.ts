import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { httpDate, monotonicMs } from "../../../src/gateway/clock.ts";

describe("the Date field", () => {
  it("is an IMF-fixdate, of the second that it is", () => {
    const date = Date.UTC(1994, 10, 6, 8, 49, 37);
    assert.equal(httpDate(date), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert.equal(httpDate(date + 999), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert.equal(httpDate(date + 1000), "Sun, 06 Nov 1994 08:49:38 GMT");
    assert.equal(httpDate(date), "Sun, 06 Nov 1994 08:49:37 GMT", "also when the clock is set back");
  });
});

describe("the monotonic clock", () => {
  it("never goes back", () => {
    let last = monotonicMs();
    for (let count = 0; count < 1000; count++) {
      const now = monotonicMs();
      assert.ok(now >= last);
      last = now;
    }
  });
});
