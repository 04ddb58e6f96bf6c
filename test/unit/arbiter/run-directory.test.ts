import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { RunDirectory } from "../../../src/arbiter/run-directory.ts";
import { SCOREBOARD_FILE } from "../../../src/queue/layout.ts";
import { ScoreboardReader } from "../../../src/queue/scoreboard.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
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
