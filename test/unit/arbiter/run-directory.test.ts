import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { RunDirectory } from "../../../src/arbiter/run-directory.ts";
import { SCOREBOARD_FILE } from "../../../src/queue/layout.ts";
import { ScoreboardReader } from "../../../src/queue/scoreboard.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY, STRANGER } from "../../support/other-users.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
chmodSync(ROOT, 0o755);
const before = process.env.TMPDIR;
after(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});
beforeEach(() => {
  process.env.TMPDIR = mkdtempSync(join(ROOT, "tmp-"));
});

/** What the names of all directories of this user in this pid namespace begin with. */
function prefix(): string {
  const directory = new RunDirectory(1);
  directory.remove();
  const name = basename(directory.path);
  return name.slice(0, name.lastIndexOf(`${process.pid}-`));
}

function makeDirectory(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  writeFileSync(join(path, "arena-1"), "left behind");
  return path;
}

describe("the run directory", () => {
  it("is private, with a free scoreboard, and so is the spool directory", () => {
    const directory = new RunDirectory(3);
    for (const path of [directory.path, directory.spool]) {
      assert.equal(statSync(path).mode & 0o777, 0o700);
    }
    const scoreboard = new ScoreboardReader(join(directory.path, SCOREBOARD_FILE));
    assert.equal(scoreboard.slots, 3);
    scoreboard.close();
    directory.remove();
  });

  it("is another one for each instance", () => {
    const [one, other] = [new RunDirectory(1), new RunDirectory(1)];
    assert.equal(new Set([one.path, one.spool, other.path, other.spool]).size, 4);
    one.remove();
    assert.ok(existsSync(other.path));
    other.remove();
  });

  it("lets go of what a dead gateway has left, and of nothing else", () => {
    const directory = new RunDirectory(1);
    for (const name of ["arena-1", "arena-11", "replies-1"]) writeFileSync(join(directory.path, name), "");
    for (const name of ["1-1", "1-2", "11-1"]) writeFileSync(join(directory.spool, name), "");
    directory.removeGateway(1);
    assert.deepEqual(readdirSync(directory.path).sort(), ["arena-11", SCOREBOARD_FILE]);
    assert.deepEqual(readdirSync(directory.spool), ["11-1"]);
    directory.remove();
    directory.removeGateway(11); // where all is gone already
  });

  it("keeps large bodies where temporary files go", () => {
    const directory = new RunDirectory(1);
    assert.equal(dirname(directory.spool), process.env.TMPDIR);
    directory.remove();
  });

  it("keeps large bodies in tmp_upload_dir, and nothing stale there", () => {
    const parent = mkdtempSync(join(ROOT, "uploads-"));
    const stale = makeDirectory(parent, `${prefix()}${spawnSync("true").pid}-abcdef`);
    const directory = new RunDirectory(1, { tmp_upload_dir: parent });
    assert.equal(dirname(directory.spool), parent);
    assert.equal(statSync(directory.spool).mode & 0o777, 0o700);
    assert.ok(!existsSync(stale));
    directory.remove();
    assert.deepEqual(readdirSync(parent), []);
  });

  it("names tmp_upload_dir when it is missing or no directory, and leaves nothing behind", () => {
    const missing = join(ROOT, "missing");
    const file = join(ROOT, "file");
    writeFileSync(file, "");
    const name = prefix();
    for (const [path, reason] of [
      [missing, "ENOENT: no such file or directory"],
      [file, "ENOTDIR: not a directory"],
    ] as const) {
      assert.throws(() => new RunDirectory(1, { tmp_upload_dir: path }), {
        message: `tmp_upload_dir '${path}' isn't writable [${reason}]`,
      });
    }
    const left = ["/dev/shm", process.env.TMPDIR as string]
      .filter((parent) => existsSync(parent))
      .flatMap((parent) => readdirSync(parent));
    assert.deepEqual(
      left.filter((each) => each.startsWith(`${name}${process.pid}-`)),
      [],
    );
  });

  it("goes with all that is in it, and may be gone already", () => {
    const directory = new RunDirectory(1);
    writeFileSync(join(directory.spool, "body-1"), "body");
    directory.remove();
    assert.ok(!existsSync(directory.path));
    assert.ok(!existsSync(directory.spool));
    directory.remove();
  });
});

describe("directories of earlier instances", () => {
  it("are removed when their process is dead, on tmpfs and beside it", () => {
    const name = `${prefix()}${spawnSync("true").pid}-abcdef`;
    const next = new RunDirectory(1);
    const stale = new Set([dirname(next.path), process.env.TMPDIR as string]);
    next.remove();
    const paths = [...stale].map((parent) => makeDirectory(parent, name));
    new RunDirectory(1).remove();
    for (const path of paths) assert.ok(!existsSync(path), path);
  });

  it("are kept while their process lives", () => {
    const path = makeDirectory(process.env.TMPDIR as string, `${prefix()}${process.ppid}-abcdef`);
    new RunDirectory(1).remove();
    assert.deepEqual(readdirSync(path), ["arena-1"]);
  });

  it("are kept when they are of another user or pid namespace, or no such directories at all", () => {
    const dead = spawnSync("true").pid;
    const [name, uid, namespace] = prefix().split("-");
    const names = [
      `${name}-${uid}1-${namespace}-${dead}-abcdef`,
      `${name}-${uid}-1${namespace}-${dead}-abcdef`,
      `${prefix()}no-pid`,
      "somebody's",
    ];
    const paths = names.map((each) => makeDirectory(process.env.TMPDIR as string, each));
    new RunDirectory(1).remove();
    for (const path of paths) assert.ok(existsSync(path), path);
  });
});

describe("the run directory of another user", { skip: NEEDS_ROOT }, () => {
  /** Where the user may write: like /tmp, or the user's own. */
  function parentOf(uid: number, mode: number): string {
    const path = mkdtempSync(join(ROOT, "parent-"));
    chownSync(path, uid, uid);
    chmodSync(path, mode);
    return path;
  }

  function make(parent: string): { directory: RunDirectory; warnings: string[] } {
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const place = { identity: IDENTITY, worker_tmp_dir: parent, tmp_upload_dir: parent, warn };
    return { directory: new RunDirectory(1, place), warnings };
  }

  for (const [title, uid, mode] of [
    ["only root may write", 0, 0o755],
    ["everybody may write", 0, 0o1777],
    ["the user may write", NOBODY, 0o755],
  ] as const) {
    it(`is the user's, with all that is in it, where ${title}, and goes at the end`, () => {
      const parent = parentOf(uid, mode);
      const { directory, warnings } = make(parent);
      for (const path of [directory.path, join(directory.path, SCOREBOARD_FILE), directory.spool])
        assert.equal(statSync(path).uid, NOBODY, path);
      as(NOBODY, "touch", join(directory.spool, "1-1"));
      directory.removeGateway(1);
      assert.deepEqual(readdirSync(directory.spool), []);
      as(NOBODY, "touch", join(directory.spool, "2-1"));
      directory.remove();
      assert.deepEqual(readdirSync(parent), []);
      assert.deepEqual(warnings, []);
    });
  }

  it("cannot be where the user may not write, or come", () => {
    chmodSync(process.env.TMPDIR as string, 0o755);
    for (const parent of [parentOf(STRANGER, 0o755), parentOf(0, 0o700)]) {
      assert.throws(() => make(parent), {
        message: `tmp_upload_dir '${parent}' isn't writable [EACCES: permission denied]`,
      });
      const worker_tmp_dir = parent;
      assert.throws(() => new RunDirectory(1, { identity: IDENTITY, worker_tmp_dir }), { code: "EACCES" });
      for (const path of [parent, process.env.TMPDIR as string]) assert.deepEqual(readdirSync(path), []);
    }
  });

  it("has a place elsewhere where the directory for temporary files is closed to the user", () => {
    for (const uid of [0, STRANGER]) {
      const closed = parentOf(uid, 0o700);
      process.env.TMPDIR = closed;
      const directory = new RunDirectory(1, { identity: IDENTITY });
      assert.equal(dirname(directory.spool), "/tmp");
      assert.deepEqual(readdirSync(closed), []);
      directory.remove();
      assert.ok(!existsSync(directory.spool));
    }
  });

  it("never has the control socket where the user could put another one", () => {
    const { directory } = make(parentOf(NOBODY, 0o755));
    assert.notEqual(dirname(directory.control as string), dirname(directory.path));
    assert.deepEqual(
      [statSync(directory.control as string).uid, statSync(directory.control as string).mode & 0o777],
      [0, 0o700],
    );
    directory.remove();
  });

  it("takes nothing of root's with it when the user has put links in its place", () => {
    const victim = mkdtempSync(join(ROOT, "victim-"));
    writeFileSync(join(victim, "1-1"), "root's");
    writeFileSync(join(victim, "arena-1"), "root's");
    const { directory, warnings } = make(parentOf(0, 0o1777));
    for (const path of [directory.path, directory.spool]) {
      as(NOBODY, "rm", "-r", path);
      as(NOBODY, "ln", "-s", victim, path);
    }
    directory.removeGateway(1);
    directory.remove();
    assert.deepEqual(readdirSync(victim).sort(), ["1-1", "arena-1"]);
    assert.ok(warnings.length > 0);
  });

  it("keeps what cannot be removed, and that does not keep the server from stopping", () => {
    const { directory, warnings } = make(parentOf(NOBODY, 0o755));
    as(NOBODY, "mkdir", join(directory.path, "arena-1"));
    directory.removeGateway(1);
    assert.match(warnings.join(), /^'.*\/arena-1' not removed: /);
    rmSync(join(directory.path, "arena-1"), { recursive: true });
    directory.remove();
  });
});

describe("what looks like a directory of an earlier instance", { skip: NEEDS_ROOT }, () => {
  const nameOf = (name: string): string => `${prefix()}${spawnSync("true").pid}-${name}`;

  function open(): string {
    chmodSync(process.env.TMPDIR as string, 0o1777);
    return process.env.TMPDIR as string;
  }

  it("is left alone when another user has made it, and does not keep the server from starting", () => {
    const path = join(open(), nameOf("fake"));
    as(STRANGER, "mkdir", "-m", "0", path);
    for (const identity of [null, IDENTITY]) new RunDirectory(1, { identity }).remove();
    assert.ok(existsSync(path));
    process.seteuid?.(NOBODY);
    try {
      new RunDirectory(1).remove();
    } finally {
      process.seteuid?.(0);
    }
    assert.ok(existsSync(path));
  });

  it("is left alone when it is a link", () => {
    const victim = makeDirectory(ROOT, "victim");
    as(NOBODY, "ln", "-s", victim, join(open(), nameOf("link")));
    new RunDirectory(1, { identity: IDENTITY }).remove();
    assert.deepEqual(readdirSync(victim), ["arena-1"]);
  });

  it("is removed when it is the user's", () => {
    const path = join(open(), nameOf("theirs"));
    as(NOBODY, "mkdir", path);
    as(NOBODY, "touch", join(path, "arena-1"));
    new RunDirectory(1, { identity: IDENTITY }).remove();
    assert.ok(!existsSync(path));
  });

  it("is left alone when it is root's in a directory where the user could replace it", () => {
    const parent = mkdtempSync(join(ROOT, "theirs-"));
    chownSync(parent, NOBODY, NOBODY);
    const path = makeDirectory(parent, nameOf("root"));
    new RunDirectory(1, { identity: IDENTITY, tmp_upload_dir: parent }).remove();
    assert.deepEqual(readdirSync(path), ["arena-1"]);
  });
});
