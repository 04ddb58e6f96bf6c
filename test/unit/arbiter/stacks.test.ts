import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { removeStacks, takeStacks } from "../../../src/arbiter/stacks.ts";
import { stacksFile } from "../../../src/queue/layout.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY } from "../../support/other-users.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
chmodSync(ROOT, 0o755);
const AGE = 3;
const MEGABYTE = 1024 * 1024;

const newDirectory = (): string => mkdtempSync(join(ROOT, "run-"));

describe("a worker's stacks", () => {
  it("are taken once, and none may be there", () => {
    const place = { runDirectory: newDirectory(), identity: null };
    assert.equal(takeStacks(place, AGE), "");
    const path = join(place.runDirectory, stacksFile(AGE));
    writeFileSync(path, "Thread MainThread\n");
    assert.equal(takeStacks(place, AGE), "Thread MainThread");
    assert.equal(takeStacks(place, AGE), "");
    removeStacks(place, AGE);
    removeStacks(place, AGE);
    assert.throws(() => statSync(path), { code: "ENOENT" });
  });

  it("are cut at a megabyte", () => {
    const place = { runDirectory: newDirectory(), identity: null };
    const path = join(place.runDirectory, stacksFile(AGE));
    writeFileSync(path, "x".repeat(2 * MEGABYTE));
    assert.equal(takeStacks(place, AGE).length, MEGABYTE);
    assert.equal(statSync(path).size, 0);
  });
});

describe("in the place of a worker's stacks", { skip: NEEDS_ROOT }, () => {
  function placeOf(make: (path: string) => void): { runDirectory: string; identity: typeof IDENTITY } {
    const runDirectory = newDirectory();
    chownSync(runDirectory, NOBODY, NOBODY);
    make(join(runDirectory, stacksFile(AGE)));
    return { runDirectory, identity: IDENTITY };
  }

  it("a link is neither read nor emptied by root", () => {
    const victim = join(newDirectory(), "victim");
    writeFileSync(victim, "secret\n", { mode: 0o600 });
    const place = placeOf((path) => as(NOBODY, "ln", "-s", victim, path));
    assert.throws(() => takeStacks(place, AGE), {
      message: `'${join(place.runDirectory, stacksFile(AGE))}' is a link`,
    });
    removeStacks(place, AGE);
    assert.equal(readFileSync(victim, "utf8"), "secret\n");
  });

  it("another name of root's file is not read either", () => {
    const victim = join(newDirectory(), "victim");
    writeFileSync(victim, "secret\n", { mode: 0o600 });
    const place = placeOf((path) => as(0, "ln", victim, path));
    assert.throws(() => takeStacks(place, AGE), { code: "EACCES" });
    assert.equal(readFileSync(victim, "utf8"), "secret\n");
  });

  it("a FIFO is refused at once", () => {
    const place = placeOf((path) => as(NOBODY, "mkfifo", path));
    assert.throws(() => takeStacks(place, AGE), /is not a regular file$/);
  });

  it("a directory stays, and that is an error to tell", () => {
    const place = placeOf((path) => as(NOBODY, "mkdir", path));
    assert.throws(() => takeStacks(place, AGE), { code: "EISDIR" });
    assert.throws(() => removeStacks(place, AGE));
  });
});
