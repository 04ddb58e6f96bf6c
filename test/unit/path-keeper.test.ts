import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { type Keeper, keeperOf, keeperOfName, placeOf } from "../../src/path-keeper.ts";
import { NEEDS_ROOT, NOBODY, STRANGER } from "../support/other-users.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const ROOT = temporaryDirectory();
let top: string;
beforeEach(() => {
  top = mkdtempSync(join(ROOT, "case-"));
});

/** A directory below `top`, or below another one. */
function directory(name: string, uid = 0, gid = 0, mode = 0o755): string {
  const path = join(top, name);
  mkdirSync(path, { recursive: true });
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return path;
}

const keeper = (path: string): Keeper => keeperOf(path, [NOBODY]);

describe("a path is kept by root alone", { skip: NEEDS_ROOT }, () => {
  it("where every directory is root's and nobody else may write in it", () => {
    assert.equal(keeper(join(directory("a/b"), "log")), "root");
  });

  it("also below a directory like /tmp, where root's directory stays where it is", () => {
    directory("tmp", 0, 0, 0o1777);
    assert.equal(keeper(join(directory("tmp/ours"), "log")), "root");
  });

  it("through links in such directories, as far as they lead to others", () => {
    const [links, logs] = [directory("links"), directory("logs")];
    symlinkSync(logs, join(links, "absolute"));
    symlinkSync("../logs", join(links, "relative"));
    symlinkSync("absolute/log", join(links, "log"));
    for (const path of ["absolute/log", "relative/log", "log", "../links/./log"])
      assert.equal(keeper(join(links, path)), "root", path);
  });

  it("when it is a device or a descriptor", () => {
    for (const path of ["/dev/null", "/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/dev/fd/2"])
      assert.equal(keeper(path), "root", path);
  });

  it("when it is relative to such a directory", () => {
    const before = process.cwd();
    process.chdir(directory("here"));
    try {
      assert.equal(keeper("log"), "root");
    } finally {
      process.chdir(before);
    }
  });

  it("when it is not there yet, nor its directory", () => {
    assert.equal(keeper(join(directory("a"), "b/c/log")), "root");
  });
});

describe("a path is kept by others", { skip: NEEDS_ROOT }, () => {
  it("when a directory on the way is the user's, or a third one's", () => {
    for (const uid of [NOBODY, STRANGER]) {
      directory(`of-${uid}`, uid);
      assert.equal(keeper(join(top, `of-${uid}`, "log")), "others");
      assert.equal(keeper(join(directory(`of-${uid}/below`), "log")), "others");
    }
  });

  it("when everybody may write in one", () => {
    assert.equal(keeper(join(directory("open", 0, 0, 0o777), "log")), "others");
    assert.equal(keeper(join(directory("open/below"), "log")), "others");
  });

  it("when the user's group may write in one", () => {
    assert.equal(keeper(join(directory("shared", 0, NOBODY, 0o775), "log")), "others");
  });

  it("when a link leads to such a directory, or through one and back", () => {
    const logs = directory("logs");
    directory("theirs", NOBODY);
    directory("theirs/below");
    symlinkSync(join(top, "theirs"), join(logs, "link"));
    symlinkSync(`${top}/theirs/below/../../logs`, join(logs, "back"));
    for (const path of ["link/log", "back/log"]) assert.equal(keeper(join(logs, path)), "others", path);
  });

  it("when .. stands behind a link, and so not for the directory that the link lies in", () => {
    const logs = directory("logs");
    directory("theirs", NOBODY);
    symlinkSync(directory("theirs/below"), join(logs, "link"));
    assert.equal(keeper(`${logs}/link/../log`), "others");
  });

  it("when a link, even root's, lies in a directory like /tmp", () => {
    const open = directory("tmp", 0, 0, 0o1777);
    symlinkSync(directory("logs"), join(open, "link"));
    assert.equal(keeper(join(open, "link/log")), "others");
    lchownSync(join(open, "link"), NOBODY, NOBODY);
    assert.equal(keeper(join(open, "link")), "others");
  });

  it("when links lead in a circle", () => {
    const logs = directory("logs");
    symlinkSync("b", join(logs, "a"));
    symlinkSync("a", join(logs, "b"));
    assert.equal(keeper(join(logs, "a")), "others");
  });
});

it("a path in a directory like /tmp is of its own kind", { skip: NEEDS_ROOT }, () => {
  const open = directory("tmp", 0, 0, 0o1777);
  assert.equal(keeper(join(open, "log")), "sticky");
  writeFileSync(join(open, "log"), "");
  assert.deepEqual(placeOf(join(open, "log"), []), { keeper: "sticky", directory: open });
});

it("a name is not followed when it is a link", { skip: NEEDS_ROOT }, () => {
  const theirs = directory("theirs", NOBODY);
  for (const [mode, keeper] of [
    [0o755, "root"],
    [0o1777, "sticky"],
  ] as const) {
    const ours = directory(`ours-${keeper}`, 0, 0, mode);
    symlinkSync(theirs, join(ours, "link"));
    assert.equal(keeperOfName(join(ours, "link"), [NOBODY]), keeper);
    assert.equal(keeperOfName(join(ours, "link/name"), [NOBODY]), "others");
  }
});

it("a path in a directory that a group may write, which is not the user's, is too", {
  skip: NEEDS_ROOT,
}, () => {
  const logs = directory("logs", 0, STRANGER, 0o775);
  assert.equal(keeper(join(logs, "log")), "group");
  assert.equal(keeper(join(directory("logs/below"), "log")), "group");
  symlinkSync(directory("logs/below"), join(logs, "link"));
  assert.equal(keeper(join(logs, "link/log")), "others", "the group may have made the link");
  assert.equal(keeper(join(directory("logs/open", 0, 0, 0o1777), "log")), "others");
});
