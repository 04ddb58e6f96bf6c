import assert from "node:assert/strict";
import fs, { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { SpoolFile } from "../../../src/gateway/spool-file.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const MEGABYTE = Buffer.alloc(1024 * 1024, "m");

const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "body");
const noError = (error: Error): never => assert.fail(error);
const nothing = (): void => {};

/** Resolves when the callback that `call` gets is called. */
function called(call: (callback: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  call(resolve);
  return promise;
}

/** Resolves when a file was deleted, which is the last thing that happens to a spool file. */
function deletion(t: TestContext): Promise<void> {
  const { unlink } = fs;
  return called((onDeleted) => {
    replaceFs(t, "unlink", (path: string, callback: fs.NoParamCallback) =>
      unlink(path, (error) => {
        callback(error);
        onDeleted();
      }),
    );
  });
}

describe("a spool file", () => {
  it("holds every byte, in order, when it is complete", async () => {
    const path = newPath();
    const file = new SpoolFile(path, noError, noError);
    for (const part of ["one ", "", "two ", "three"]) file.write(Buffer.from(part), nothing);
    await called((onComplete) => file.end(onComplete));
    assert.equal(readFileSync(path, "latin1"), "one two three");
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it("takes a copy of what it is given", async () => {
    const path = newPath();
    const file = new SpoolFile(path, noError, noError);
    const bytes = Buffer.from("given");
    file.write(bytes, nothing);
    bytes.fill("x");
    await called((onComplete) => file.end(onComplete));
    assert.equal(readFileSync(path, "latin1"), "given");
  });

  it("never takes over a file that is there", async () => {
    const path = newPath();
    fs.writeFileSync(path, "somebody's");
    const { promise, resolve } = Promise.withResolvers<Error>();
    new SpoolFile(path, resolve, noError);
    assert.equal(((await promise) as NodeJS.ErrnoException).code, "EEXIST");
    assert.equal(readFileSync(path, "latin1"), "somebody's");
  });

  it("makes the client wait while much is not on the disk, and go on afterwards", async () => {
    const file = new SpoolFile(newPath(), noError, noError);
    assert.ok(file.write(Buffer.from("little"), nothing));
    await called((onDrained) => assert.ok(!file.write(MEGABYTE, onDrained)));
    assert.ok(file.write(Buffer.from("more"), nothing));
  });

  it("lets the client go on once for all writes that it waited for", async () => {
    const file = new SpoolFile(newPath(), noError, noError);
    let count = 0;
    const onDrained = (): void => {
      count++;
    };
    for (let nr = 0; nr < 20; nr++) file.write(MEGABYTE, onDrained);
    await called((onComplete) => file.end(onComplete));
    assert.equal(count, 1);
  });

  it("lets the client go on when it waited at the end of the body", async () => {
    const file = new SpoolFile(newPath(), noError, noError);
    await called((onDrained) => {
      assert.ok(!file.write(MEGABYTE, onDrained));
      file.end(nothing);
    });
  });
});

describe("a spool file is deleted", () => {
  /** What has happened to the file before it is discarded. */
  const BEFORE: Readonly<Record<string, (file: SpoolFile) => Promise<void> | void>> = {
    "before it is open": nothing,
    "with bytes that are not written yet": (file) => {
      file.write(MEGABYTE, nothing);
      file.write(MEGABYTE, nothing);
    },
    "with all bytes written so far": (file) => called((onDrained) => file.write(MEGABYTE, onDrained)),
    "at its end, before it is complete": (file) => {
      file.write(MEGABYTE, nothing);
      file.end(() => assert.fail("nobody waits any more"));
    },
    "when it is complete and not closed yet": (file) => {
      file.write(MEGABYTE, nothing);
      return called((onComplete) => file.end(onComplete));
    },
    "when it is closed": async (file) => {
      await called((onComplete) => file.end(onComplete));
      while (openFiles().includes(file.path)) await called(setImmediate);
    },
  };

  /** Paths of the files that this process has open. */
  function openFiles(): readonly string[] {
    return readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // the descriptor by which the directory was read
      }
    });
  }

  for (const [title, before] of Object.entries(BEFORE)) {
    it(title, async (t) => {
      const deleted = deletion(t);
      const file = new SpoolFile(newPath(), noError, noError);
      await before(file);
      file.discard();
      file.discard();
      await deleted;
      assert.deepEqual(readdirSync(dirname(file.path)), []);
      assert.ok(!openFiles().some((path) => path.startsWith(file.path)), "its descriptor is closed");
    });
  }

  it("while a worker has it open, and the worker reads on", async (t) => {
    const deleted = deletion(t);
    const file = new SpoolFile(newPath(), noError, noError);
    file.write(Buffer.from("still there"), nothing);
    await called((onComplete) => file.end(onComplete));
    const worker = openSync(file.path, "r");
    file.discard();
    await deleted;
    assert.ok(!existsSync(file.path));
    assert.equal(readFileSync(worker, "latin1"), "still there");
    fs.closeSync(worker);
  });

  it("and takes no more bytes then", async (t) => {
    const deleted = deletion(t);
    const file = new SpoolFile(newPath(), noError, noError);
    file.discard();
    assert.ok(file.write(MEGABYTE, () => assert.fail("nobody waits any more")));
    await deleted;
  });
});

describe("a spool file that cannot be written", () => {
  const nowhere = (): string => join(ROOT, "no such directory", "nor this one", "body");

  it("says so once, and is never complete", async () => {
    const errors: Error[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const file = new SpoolFile(
      nowhere(),
      (error) => {
        errors.push(error);
        resolve();
      },
      noError,
    );
    file.write(MEGABYTE, nothing);
    file.write(MEGABYTE, nothing);
    file.end(() => assert.fail("it is not complete"));
    await promise;
    assert.ok(file.write(MEGABYTE, () => assert.fail("nobody needs to wait")));
    await called(setImmediate);
    assert.equal(errors.length, 1);
    assert.equal((errors[0] as NodeJS.ErrnoException).code, "ENOENT");
  });

  it("says nothing when it is not needed any more", async (t) => {
    const deleted = deletion(t);
    const file = new SpoolFile(nowhere(), noError, noError);
    file.write(MEGABYTE, nothing);
    file.discard();
    await deleted;
  });

  it("is deleted all the same when the disk became full", async (t) => {
    const deleted = deletion(t);
    replaceFs(t, "write", (...args: readonly unknown[]) => {
      const callback = args.at(-1) as (error: Error) => void;
      setImmediate(() => callback(systemError("ENOSPC")));
    });
    const { promise, resolve } = Promise.withResolvers<Error>();
    const file = new SpoolFile(newPath(), resolve, noError);
    file.write(Buffer.from("lost"), nothing);
    assert.equal(((await promise) as NodeJS.ErrnoException).code, "ENOSPC");
    file.discard();
    await deleted;
    assert.deepEqual(readdirSync(dirname(file.path)), []);
  });
});
