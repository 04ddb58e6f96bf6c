import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { Pidfile } from "../../../src/arbiter/pidfile.ts";
import { systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const OURS = `${process.pid}\n`;
/** A process that has been, and is no more. */
const DEAD_PID = spawnSync("true").pid;

const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "app.pid");

function withContent(content: string): string {
  const path = newPath();
  writeFileSync(path, content);
  return path;
}

describe("the pid file", () => {
  it("holds the pid, for all to read", () => {
    const path = newPath();
    const before = process.umask(0o077);
    new Pidfile(path);
    process.umask(before);
    assert.equal(readFileSync(path, "utf8"), OURS);
    assert.equal(statSync(path).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(dirname(path)), ["app.pid"], "and leaves nothing beside it");
  });

  it("is refused while its process lives", () => {
    const path = withContent(`${process.ppid}\n`);
    assert.throws(() => new Pidfile(path), {
      message: `Already running on PID ${process.ppid} (or pid file '${path}' is stale)`,
    });
    assert.equal(readFileSync(path, "utf8"), `${process.ppid}\n`);
  });

  it("is refused while a process of another user has its pid", (t) => {
    t.mock.method(process, "kill", () => {
      throw systemError("EPERM");
    });
    assert.throws(() => new Pidfile(withContent("1\n")), /^Error: Already running on PID 1 /);
  });

  for (const [title, content] of [
    ["its process has died", `${DEAD_PID}\n`],
    ["it is empty", ""],
    ["it holds no number", "not a pid\n"],
    ["it holds no pid", "0\n"],
    ["it holds no pid but a process group", "-1\n"],
    ["it is of a process that had our pid", OURS],
  ] as const) {
    it(`is taken over when ${title}`, () => {
      const path = withContent(content);
      new Pidfile(path);
      assert.equal(readFileSync(path, "utf8"), OURS);
    });
  }

  it("needs its directory", () => {
    const path = join(ROOT, "nowhere", "app.pid");
    assert.throws(() => new Pidfile(path), {
      message: `${dirname(path)} doesn't exist. Can't create pidfile.`,
    });
  });

  it("may be in the working directory", () => {
    const path = newPath();
    const before = process.cwd();
    process.chdir(dirname(path));
    try {
      new Pidfile("app.pid").remove();
    } finally {
      process.chdir(before);
    }
    assert.deepEqual(readdirSync(dirname(path)), []);
  });

  it("is replaced as a whole: who has the old one open reads the old one", () => {
    const path = withContent(`${DEAD_PID}\n`);
    const { ino } = statSync(path);
    new Pidfile(path);
    assert.notEqual(statSync(path).ino, ino);
  });

  it("follows no link that waits under its temporary name", () => {
    const path = newPath();
    const victim = withContent("victim");
    symlinkSync(victim, `${path}.${process.pid}.tmp`);
    new Pidfile(path);
    assert.equal(readFileSync(victim, "utf8"), "victim");
    assert.equal(readFileSync(path, "utf8"), OURS);
  });

  it("is refused when it is a directory", () => {
    const path = dirname(newPath());
    assert.throws(() => new Pidfile(path), { message: `[Errno 21] Is a directory: '${path}'` });
  });
});

describe("at the end the pid file", () => {
  it("is removed", () => {
    const path = newPath();
    new Pidfile(path).remove();
    assert.deepEqual(readdirSync(dirname(path)), []);
  });

  it("stays when it is another's by now", () => {
    const path = newPath();
    const pidfile = new Pidfile(path);
    writeFileSync(path, `${process.ppid}\n`);
    pidfile.remove();
    assert.equal(readFileSync(path, "utf8"), `${process.ppid}\n`);
  });

  it("may have been removed already", () => {
    const path = newPath();
    const pidfile = new Pidfile(path);
    rmSync(path);
    pidfile.remove();
  });
});
