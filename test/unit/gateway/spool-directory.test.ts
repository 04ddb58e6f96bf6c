import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { openSpooled, openSpooledSync } from "../../../src/gateway/spool-directory.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();

/** In a directory that is still to be made. */
const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "spool", "1-1");

/** Both ways to open a file must keep the same rules. */
const WAYS: Readonly<Record<string, (path: string) => Promise<number>>> = {
  openSpooled: (path) =>
    new Promise((resolve, reject) => {
      openSpooled(path, "wx", 0o666, (error, fd) => (error === null ? resolve(fd as number) : reject(error)));
    }),
  openSpooledSync: async (path) => openSpooledSync(path, "wx"),
};

for (const [name, open] of Object.entries(WAYS)) {
  describe(`a spool file opened by ${name}`, () => {
    it("is private, and so is the directory, which is made again when it has gone", async () => {
      const path = newPath();
      for (let time = 0; time < 2; time++) {
        closeSync(await open(path));
        assert.equal(statSync(path).mode & 0o777, 0o600);
        assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
        rmSync(dirname(path), { recursive: true });
      }
    });

    it("is made where two find the directory gone at the same time", async () => {
      const path = newPath();
      const opened = await Promise.all([open(path), open(`${path}2`), open(`${path}3`)]);
      for (const fd of opened) closeSync(fd);
    });

    it("is not made in a directory that others may write", async () => {
      const path = newPath();
      mkdirSync(dirname(path));
      chmodSync(dirname(path), 0o733);
      await assert.rejects(open(path), /is not this server's own any more/);
      assert.ok(!existsSync(path));
    });

    it("is not made through a link", async () => {
      const path = newPath();
      symlinkSync(mkdtempSync(join(ROOT, "other-")), dirname(path));
      await assert.rejects(open(path), /is not this server's own any more/);
    });

    it("reports the system's error when the directory cannot be made", async () => {
      await assert.rejects(open(join(ROOT, "nowhere", "at all", "1-1")), { code: "ENOENT" });
    });
  });
}
