import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  constants,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { closeLogFile, LogFileRefused, openLogFile } from "../../../src/logging/open-log-file.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY, STRANGER } from "../../support/other-users.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
chmodSync(ROOT, 0o755);
/** Root's alone, and one of the user. */
let ours: string;
let theirs: string;
beforeEach(() => {
  [ours, theirs] = [mkdtempSync(join(ROOT, "ours-")), mkdtempSync(join(ROOT, "theirs-"))];
  for (const directory of [ours, theirs]) chmodSync(directory, 0o755);
  if (process.getuid?.() === 0) chownSync(theirs, NOBODY, NOBODY);
});

/** Opens it as root does for the user, writes a line, and closes it. */
function log(path: string): void {
  const fd = openLogFile(path, IDENTITY);
  writeSync(fd, "line\n");
  closeLogFile(fd);
}

/** Root's, for root alone. */
function victim(): string {
  const path = join(ours, "victim");
  writeFileSync(path, "secret\n", { mode: 0o600 });
  return path;
}

function assertUntouched(path: string): void {
  const { uid, gid, mode } = statSync(path);
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o600]);
  assert.equal(readFileSync(path, "utf8"), "secret\n");
}

describe("a log file that root opens for a user", { skip: NEEDS_ROOT }, () => {
  it("is made by root and given to the user where only root may write", () => {
    const path = join(ours, "log");
    log(path);
    log(path);
    assert.deepEqual([statSync(path).uid, statSync(path).gid], [NOBODY, NOBODY]);
    assert.equal(readFileSync(path, "utf8"), "line\nline\n");
  });

  it("may be root's from before there", () => {
    log(victim());
    assert.equal(statSync(join(ours, "victim")).uid, NOBODY);
  });

  it("is the user's own in a directory of the user", () => {
    log(join(theirs, "log"));
    assert.equal(statSync(join(theirs, "log")).uid, NOBODY);
  });

  it("is found through links that the operator has made", () => {
    symlinkSync(theirs, join(ours, "logs"));
    symlinkSync("logs/log", join(ours, "log"));
    log(join(ours, "log"));
    assert.equal(readFileSync(join(theirs, "log"), "utf8"), "line\n");
    // Also where the user may replace them.
    symlinkSync("/dev/null", join(theirs, "none"));
    log(join(theirs, "none"));
  });

  it("is made by root where a group of the system may write too, as in /var/log", () => {
    chownSync(ours, 0, STRANGER);
    chmodSync(ours, 0o775);
    log(join(ours, "log"));
    assert.equal(statSync(join(ours, "log")).uid, NOBODY);
    assert.throws(() => log(victim()), LogFileRefused);
    assertUntouched(join(ours, "victim"));
  });

  it("leaves a device what it is", () => {
    log("/dev/null");
    assert.equal(statSync("/dev/null").uid, 0);
  });

  it("cannot be made where the user may not", () => {
    chownSync(theirs, STRANGER, STRANGER);
    assert.throws(() => log(join(theirs, "log")), LogFileRefused);
    assert.throws(() => log(join(theirs, "none", "log")), { code: "ENOENT" });
  });
});

describe("in a directory of the user, root", { skip: NEEDS_ROOT }, () => {
  it("follows no link of the user", () => {
    for (const target of [victim(), join(ours, "new"), "/dev/null"]) {
      as(NOBODY, "ln", "-sfn", target, join(theirs, "log"));
      assert.throws(() => log(join(theirs, "log")), {
        message: `'${join(theirs, "log")}': it is a link of user ${NOBODY}, and its directory is not root's alone`,
      });
    }
    assertUntouched(join(ours, "victim"));
    assert.ok(!existsSync(join(ours, "new")));
  });

  it("does nothing through a link of root that the user could not do", () => {
    for (const target of [victim(), join(ours, "new")]) {
      symlinkSync(target, join(theirs, "log"));
      assert.throws(() => log(join(theirs, "log")), LogFileRefused);
      as(NOBODY, "rm", join(theirs, "log"));
    }
    assertUntouched(join(ours, "victim"));
    assert.ok(!existsSync(join(ours, "new")));
  });

  it("gives away no file by another of its names", () => {
    linkSync(victim(), join(theirs, "log"));
    assert.throws(() => log(join(theirs, "log")), LogFileRefused);
    assertUntouched(join(ours, "victim"));
  });

  it("goes through no link to another directory", () => {
    as(NOBODY, "ln", "-s", ours, join(theirs, "logs"));
    assert.throws(() => log(join(theirs, "logs/new")), LogFileRefused);
    writeFileSync(victim(), "secret\n");
    assert.throws(() => log(join(theirs, "logs/victim")), LogFileRefused);
    assertUntouched(join(ours, "victim"));
    assert.ok(!existsSync(join(ours, "new")));
  });

  it("neither waits for the reader of a FIFO nor uses one, nor a directory or a socket", () => {
    for (const [kind, make] of [
      ["FIFO", ["mkfifo"]],
      ["directory", ["mkdir"]],
    ] as const) {
      as(NOBODY, make[0], join(theirs, kind));
      assert.throws(() => log(join(theirs, kind)), { message: new RegExp(`is a ${kind} of user ${NOBODY}`) });
    }
  });

  it("uses no file of somebody else that the user may not write, and says so", () => {
    chmodSync(theirs, 0o1777);
    as(STRANGER, "touch", join(theirs, "log"));
    assert.throws(() => log(join(theirs, "log")), {
      message: new RegExp(`: user ${NOBODY} cannot open it \\(EACCES\\), and its directory`),
    });
  });
});

describe("a log file", () => {
  it("that is a FIFO is opened when it is read, and refused at once when it is not", () => {
    const path = join(ours, "fifo");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    assert.throws(() => openLogFile(path), { message: `'${path}' is a FIFO that nobody reads, or a socket` });
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openLogFile(path);
    writeSync(fd, "line\n");
    closeLogFile(fd);
    assert.equal(readFileSync(reader, "utf8"), "line\n");
    closeLogFile(reader);
  });

  it("may be a standard stream that cannot be opened by its name, also for root in a directory of the user", () => {
    const module = JSON.stringify(import.meta.resolve("../../../src/logging/open-log-file.ts"));
    symlinkSync("/dev/stdout", join(theirs, "log"));
    const program = `
      const { openLogFile } = await import(${module});
      const identity = ${NEEDS_ROOT === false ? JSON.stringify(IDENTITY) : null};
      process.stdout.write(["/dev/stdout", "/dev/stderr", process.argv[1]].map((path) => openLogFile(path, identity)).join());`;
    // Its pipes are sockets.
    const { stdout, stderr } = spawnSync(process.execPath, [
      ...["--input-type=module", "-e", program],
      join(theirs, "log"),
    ]);
    assert.equal(stdout.toString(), "1,2,1", stderr.toString());
  });
});
