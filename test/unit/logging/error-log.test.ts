import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs, { mkdtempSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { ErrorLog, type LogLevel } from "../../../src/logging/error-log.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error", "critical"];

const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "error.log");

/** The messages without date and pid: `[INFO] text`. */
function linesOf(path: string): readonly string[] {
  const content = readFileSync(path, "utf8");
  assert.ok(content === "" || content.endsWith("\n"), "whole lines");
  return content
    .split("\n")
    .slice(0, -1)
    .map((line) => line.replace(/^.*?(?=\[[A-Z]+\])/, ""));
}

describe("a line of the error log", () => {
  it("has Gunicorn's form", () => {
    const path = newPath();
    new ErrorLog(path, "info").info("Listening at: http://127.0.0.1:8000 (1)");
    assert.match(
      readFileSync(path, "utf8"),
      new RegExp(
        String.raw`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[${process.pid}\] \[INFO\] ` +
          String.raw`Listening at: http://127\.0\.0\.1:8000 \(1\)\n$`,
      ),
    );
  });

  it("goes to stderr for -", () => {
    const module = JSON.stringify(import.meta.resolve("../../../src/logging/error-log.ts"));
    const program = `const { ErrorLog } = await import(${module}); new ErrorLog("-", "info").error("text é");`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program]);
    assert.equal(stdout.length, 0);
    assert.match(stderr.toString(), /\[ERROR\] text é\n$/);
  });

  it("is added to what a file holds", () => {
    const path = newPath();
    new ErrorLog(path, "info").info("first");
    new ErrorLog(path, "info").info("second");
    assert.deepEqual(linesOf(path), ["[INFO] first", "[INFO] second"]);
  });
});

describe("the level of the error log", () => {
  for (const [index, level] of LEVELS.entries()) {
    it(`${level} shows itself and what is worse`, () => {
      const path = newPath();
      const log = new ErrorLog(path, level);
      log.debug("text");
      log.info("text");
      log.warning("text");
      log.error("text");
      log.critical("text");
      assert.deepEqual(
        linesOf(path),
        LEVELS.slice(index).map((each) => `[${each.toUpperCase()}] text`),
      );
    });
  }

  it("may be in capitals, and means info when it is unknown", () => {
    const capitals = newPath();
    new ErrorLog(capitals, "ERROR").info("text");
    assert.deepEqual(linesOf(capitals), []);
    const unknown = newPath();
    const log = new ErrorLog(unknown, "verbose");
    log.debug("text");
    log.info("text");
    assert.deepEqual(linesOf(unknown), ["[INFO] text"]);
  });
});

describe("the error log's file", () => {
  it("is opened anew after rotation", () => {
    const path = newPath();
    const log = new ErrorLog(path, "info");
    log.info("before");
    renameSync(path, `${path}.1`);
    log.info("still the old one");
    log.reopen();
    log.info("after");
    assert.deepEqual(linesOf(`${path}.1`), ["[INFO] before", "[INFO] still the old one"]);
    assert.deepEqual(linesOf(path), ["[INFO] after"]);
    assert.equal(statSync(path).mode & 0o777, 0o644 & ~process.umask());
  });

  it("is written on, and told so, when it cannot be opened anew", () => {
    const path = newPath();
    const log = new ErrorLog(path, "info");
    const moved = `${dirname(path)}-moved`;
    renameSync(dirname(path), moved);
    log.reopen();
    log.info("after");
    const [failure, after] = linesOf(join(moved, "error.log"));
    assert.match(failure ?? "", /^\[ERROR\] Error log not reopened: ENOENT: /);
    assert.equal(after, "[INFO] after");
  });

  it("leaves no descriptor behind when it is opened anew", () => {
    const path = newPath();
    const log = new ErrorLog(path, "info");
    const before = fs.readdirSync("/proc/self/fd").length;
    for (let count = 0; count < 5; count++) log.reopen();
    assert.equal(fs.readdirSync("/proc/self/fd").length, before);
  });

  it("must be writable at the start", () => {
    assert.throws(() => new ErrorLog(join(ROOT, "nowhere", "error.log"), "info"), { code: "ENOENT" });
  });

  it("loses a line, and nothing else, on a full disk, and says so when it is not full any more", async (t) => {
    const path = newPath();
    const log = new ErrorLog(path, "info");
    const restore = replaceFs(t, "writeSync", () => {
      throw systemError("ENOSPC");
    });
    log.error("lost");
    restore();
    log.error("kept");
    await new Promise<void>((resolve) => log.whenWritten(resolve));
    assert.deepEqual(linesOf(path), [
      "[ERROR] kept",
      "[ERROR] Dropped 1 error log line: ENOSPC: so says the test",
    ]);
  });

  it("gets the whole line when it takes a part only, or none just now", async (t) => {
    const path = newPath();
    const log = new ErrorLog(path, "info");
    const { writeSync } = fs;
    let calls = 0;
    replaceFs(t, "writeSync", (fd: number, bytes: Uint8Array, from: number) => {
      if (++calls % 2 === 0) throw systemError("EAGAIN");
      return writeSync(fd, bytes, from, Math.min(9, bytes.length - from));
    });
    log.error("in many pieces");
    while (!readFileSync(path, "utf8").endsWith("\n")) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(linesOf(path), ["[ERROR] in many pieces"]);
  });
});
