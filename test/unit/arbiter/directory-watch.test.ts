import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { DirectoryWatch } from "../../../src/arbiter/directory-watch.ts";
import { RunDirectory } from "../../../src/arbiter/run-directory.ts";
import { SCOREBOARD_FILE } from "../../../src/queue/layout.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();

function watched(t: TestContext): { directory: RunDirectory; watch: DirectoryWatch } {
  const directory = new RunDirectory(1, { tmp_upload_dir: ROOT });
  t.after(() => directory.remove());
  return { directory, watch: new DirectoryWatch(directory) };
}

describe("the directories of an instance", () => {
  it("are whole as long as nobody touches them", (t) => {
    const { directory, watch } = watched(t);
    writeFileSync(join(directory.path, "arena-1"), "");
    for (let look = 0; look < 3; look++) assert.deepEqual(watch.damages(["arena-1"]), []);
  });

  it("are lost when the run directory has gone, also before the first look", (t) => {
    const { directory, watch } = watched(t);
    rmSync(directory.path, { recursive: true });
    assert.deepEqual(watch.damages([]), [{ kind: "lost", path: directory.path }]);
  });

  it("are lost when another one is in its place, or another file in that of one of its files", (t) => {
    const { directory, watch } = watched(t);
    const board = join(directory.path, SCOREBOARD_FILE);
    copyFileSync(board, `${board}-copy`);
    renameSync(`${board}-copy`, board);
    assert.deepEqual(watch.damages([]), [{ kind: "lost", path: board }]);
    rmSync(directory.path, { recursive: true });
    mkdirSync(directory.path, { mode: 0o700 });
    assert.equal(watch.damages([])[0]?.kind, "lost");
  });

  it("are lost when a file of a gateway has gone", (t) => {
    const { directory, watch } = watched(t);
    assert.deepEqual(watch.damages(["replies-1"]), [
      { kind: "lost", path: join(directory.path, "replies-1") },
    ]);
  });

  it("lack what can be made again", (t) => {
    const { directory, watch } = watched(t);
    for (const path of [directory.spool, directory.control]) {
      assert.ok(path);
      rmSync(path, { recursive: true });
    }
    assert.deepEqual(
      watch.damages([]).map(({ kind }) => kind),
      ["spool missing", "control missing"],
    );
    directory.restoreSpool();
    directory.restoreControl();
    assert.deepEqual(watch.damages([]), []);
  });

  it("are lost when somebody else may write where bodies are spooled", (t) => {
    const { directory, watch } = watched(t);
    chmodSync(directory.spool, 0o777);
    assert.deepEqual(watch.damages([]), [{ kind: "lost", path: directory.spool }]);
    rmSync(directory.spool, { recursive: true });
    symlinkSync(ROOT, directory.spool);
    assert.deepEqual(watch.damages([]), [{ kind: "lost", path: directory.spool }]);
    rmSync(directory.spool);
  });
});
