import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { asUser, atPath, groupsOf } from "../../src/as-user.ts";
import { IDENTITY, NEEDS_ROOT, NOBODY } from "../support/other-users.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const ROOT = temporaryDirectory();

const ids = (): unknown => [process.geteuid?.(), process.getegid?.(), process.getgroups?.()];

describe("work as the user", { skip: NEEDS_ROOT }, () => {
  it("has the user's effective ids and groups, and none of root's, and root has its own afterwards", () => {
    const before = ids();
    assert.deepEqual(asUser(IDENTITY, ids), [NOBODY, NOBODY, [NOBODY]]);
    assert.deepEqual(ids(), before);
  });

  it("ends with root's ids also when it fails", () => {
    const before = ids();
    assert.throws(
      () =>
        asUser(IDENTITY, () => {
          throw new Error("failed");
        }),
      { message: "failed" },
    );
    assert.deepEqual(ids(), before);
  });

  it("cannot read what only root may", () => {
    const path = join(mkdtempSync(join(ROOT, "case-")), "secret");
    writeFileSync(path, "secret", { mode: 0o600 });
    assert.throws(() => asUser(IDENTITY, () => readFileSync(path)), { code: "EACCES" });
  });

  it("has the user's other groups with initgroups", () => {
    const identity = { uid: NOBODY, gid: 1, initgroups: true };
    assert.ok(groupsOf(identity).includes(1));
    assert.ok(!groupsOf(identity).includes(0));
    assert.deepEqual(groupsOf(IDENTITY), [NOBODY]);
  });

  it("is root's where only root can change the path, and else the user's", () => {
    const ours = mkdtempSync(join(ROOT, "case-"));
    const theirs = mkdtempSync(join(ROOT, "case-"));
    for (const path of [ROOT, ours, theirs]) chmodSync(path, 0o755);
    chownSync(theirs, NOBODY, NOBODY);
    for (const [directory, uid] of [
      [ours, 0],
      [theirs, NOBODY],
    ] as const) {
      const path = join(directory, "made");
      atPath(path, IDENTITY, () => writeFileSync(path, ""));
      assert.equal(statSync(path).uid, uid);
    }
  });
});

it("work as nobody in particular changes nothing", () => {
  const before = ids();
  assert.deepEqual(asUser(null, ids), before);
  assert.deepEqual(atPath("/nowhere", null, ids), before);
});
