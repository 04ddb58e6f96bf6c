import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Steps } from "../../../src/arbiter/steps.ts";

describe("the steps of a start", () => {
  it("are told with how long each took, and which one failed", () => {
    const steps = new Steps();
    steps.begin("bind", 0);
    steps.end(20);
    steps.begin("interpreter", 100);
    steps.begin("import", 150);
    assert.equal(steps.failed(1400), "step import (bind 0.02 s, interpreter 0.05 s, import 1.25 s)");
  });

  it("say nothing when none is going on", () => {
    const steps = new Steps();
    assert.equal(steps.failed(), "");
    steps.begin("bind", 0);
    steps.end(1);
    assert.equal(steps.failed(), "");
  });
});
