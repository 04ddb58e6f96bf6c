import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { Pidfile } from "../../../src/arbiter/pidfile.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY, STRANGER } from "../../support/other-users.ts";
import { systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
chmodSync(ROOT, 0o755);
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

describe("root's pid file in a directory of the user", { skip: NEEDS_ROOT }, () => {
  function theirs(): string {
    const path = newPath();
    chownSync(dirname(path), NOBODY, NOBODY);
    return path;
  }

  const create = (path: string): Pidfile => new Pidfile(path, { identity: IDENTITY });

  it("is the user's, and is removed at the end", () => {
    const path = theirs();
    const pidfile = create(path);
    assert.equal(statSync(path).uid, NOBODY);
    assert.equal(readFileSync(path, "utf8"), OURS);
    pidfile.remove();
    assert.deepEqual(readdirSync(dirname(path)), []);
  });

  it("is root's where only root may write, and in a directory like /tmp, where nobody can take its place", () => {
    for (const mode of [0o755, 0o1777]) {
      const path = newPath();
      chmodSync(dirname(path), mode);
      create(path);
      assert.equal(statSync(path).uid, 0);
    }
  });

  it("takes the place of what another user has put into a directory like /tmp", () => {
    const victim = withContent(`${process.ppid}\n`);
    for (const command of ["mkfifo", "ln -s VICTIM", "sh -c 'echo PID > $0'"]) {
      const path = newPath();
      chmodSync(dirname(path), 0o1777);
      const shell = `${command.replace("VICTIM", victim).replace("PID", String(process.ppid))} "$0"`;
      as(STRANGER, "sh", "-c", shell, path);
      const warnings: string[] = [];
      new Pidfile(path, { identity: IDENTITY, warn: (text) => warnings.push(text) });
      assert.equal(readFileSync(path, "utf8"), OURS);
      assert.match(warnings.join(), /^Replacing what is in the place of the pid file: /);
    }
    assert.equal(readFileSync(victim, "utf8"), `${process.ppid}\n`);
  });

  it("is replaced, unread, when it is a link of the user, or a FIFO, which would wait", () => {
    const victim = withContent(`${process.ppid}\n`);
    for (const [make, message] of [
      [["ln", "-s", victim], new RegExp(`is a link of user ${NOBODY}$`)],
      [["mkfifo"], /is not a regular file$/],
    ] as const) {
      const path = theirs();
      const [command, ...words] = make;
      as(NOBODY, command, ...words, path);
      const warnings: string[] = [];
      new Pidfile(path, { identity: IDENTITY, warn: (text) => warnings.push(text) });
      assert.equal(readFileSync(path, "utf8"), OURS);
      assert.match(warnings.join(), message);
    }
    assert.equal(readFileSync(victim, "utf8"), `${process.ppid}\n`);
  });

  it("is refused when it is a FIFO that only root can have made", () => {
    const path = newPath();
    as(0, "mkfifo", path);
    assert.throws(() => create(path), { message: `pid file '${path}' is not a regular file` });
  });

  it("replaces and removes nothing of root's when the directory becomes a link", () => {
    const path = join(theirs(), "../run/app.pid");
    as(NOBODY, "mkdir", dirname(path));
    const pidfile = create(path);
    const victim = withContent(OURS);
    as(NOBODY, "rm", "-r", dirname(path));
    as(NOBODY, "ln", "-s", dirname(victim), dirname(path));
    pidfile.remove();
    assert.throws(() => pidfile.moveTo(path));
    assert.equal(readFileSync(victim, "utf8"), OURS);
  });

  it("that cannot be removed at the end is told, and no more", () => {
    const warnings: string[] = [];
    const path = theirs();
    const pidfile = new Pidfile(path, { identity: IDENTITY, warn: (message) => warnings.push(message) });
    rmSync(path);
    as(NOBODY, "mkfifo", path);
    pidfile.remove();
    assert.deepEqual(warnings, [`Pid file not removed: pid file '${path}' is not a regular file`]);
  });
});
