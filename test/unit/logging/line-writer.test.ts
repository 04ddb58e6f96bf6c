import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs, {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { LineWriter } from "../../../src/logging/line-writer.ts";
import { Random } from "../random.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "access.log");
const noError = (error: Error): never => assert.fail(error);
const turn = (): Promise<void> => new Promise(setImmediate);

function ended(writer: LineWriter): Promise<void> {
  return new Promise((resolve) => writer.end(resolve));
}

type WriteCallback = (error: NodeJS.ErrnoException | null, written: number) => void;
type Write = [fd: number, bytes: Uint8Array, from: number, length: number, at: null, WriteCallback];

/** Sizes of the writes from now on. */
function watchWrites(t: TestContext): readonly number[] {
  const { write } = fs;
  const sizes: number[] = [];
  replaceFs(t, "write", (...args: Write) => {
    sizes.push(args[3]);
    write(...args);
  });
  return sizes;
}

describe("the line writer", () => {
  it("writes lines in order, those of one turn of the event loop at once", async (t) => {
    const path = newPath();
    const writer = new LineWriter(path, noError);
    const sizes = watchWrites(t);
    for (const line of ["one", "two é", "three"]) writer.write(line);
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "one\ntwo é\nthree\n");
    assert.deepEqual(sizes, [Buffer.byteLength("one\ntwo é\nthree\n")]);
  });

  it("adds to what the file holds", async () => {
    const path = newPath();
    for (const line of ["first", "second"]) {
      const writer = new LineWriter(path, noError);
      writer.write(line);
      await ended(writer);
    }
    assert.equal(readFileSync(path, "utf8"), "first\nsecond\n");
  });

  it("writes to stdout for -", async () => {
    const module = JSON.stringify(import.meta.resolve("../../../src/logging/line-writer.ts"));
    const program = `
      const { LineWriter } = await import(${module});
      const writer = new LineWriter("-", console.error);
      writer.write("to stdout");
      writer.reopen();
      writer.end(() => process.exit(0));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
    assert.deepEqual(await Promise.all([text(child.stdout), text(child.stderr)]), ["to stdout\n", ""]);
  });

  it("keeps lines that come during a write for the next one, in order", async (t) => {
    const path = newPath();
    const writer = new LineWriter(path, noError);
    const { write } = fs;
    const { promise: isWriting, resolve } = Promise.withResolvers<() => void>();
    const restore = replaceFs(t, "write", (...args: Write) => resolve(() => write(...args)));
    writer.write("first");
    const goOn = await isWriting;
    restore();
    writer.write("second");
    await turn();
    goOn();
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "first\nsecond\n");
  });

  it("goes on where the system has written a part only", async (t) => {
    const path = newPath();
    const writer = new LineWriter(path, noError);
    const { write } = fs;
    replaceFs(t, "write", (...[fd, bytes, from, length, at, callback]: Write) =>
      write(fd, bytes, from, Math.min(length, 3), at, callback),
    );
    writer.write("longer than three bytes");
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "longer than three bytes\n");
  });

  it("waits for a pipe that is full, also for one that does not block", async (t) => {
    const path = newPath();
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const writer = new LineWriter(path, noError);
    const { write } = fs;
    let isFull = true;
    replaceFs(t, "write", (...args: Write) => {
      if (!isFull) return write(...args);
      isFull = false;
      return setImmediate(() => args[5](systemError("EAGAIN"), 0));
    });
    writer.write("line");
    await ended(writer);
    const read = Buffer.alloc(100);
    assert.equal(read.toString("utf8", 0, fs.readSync(reader, read)), "line\n");
  });

  it("gives a pipe whole lines, in pieces that no other writer can tear", async (t) => {
    const path = newPath();
    execFileSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const writer = new LineWriter(path, noError);
    const sizes = watchWrites(t);
    const lines = Array.from({ length: 100 }, (_, nr) => `${nr} `.padEnd(99, "x"));
    lines.splice(50, 0, "long".repeat(1500));
    for (const line of lines) writer.write(line);
    await ended(writer);
    assert.deepEqual(sizes, [4000, 1000, 6001, 4000, 1000]);
    const read = Buffer.alloc(20_000);
    assert.equal(read.toString("utf8", 0, fs.readSync(reader, read)), `${lines.join("\n")}\n`);
  });

  it("says what cannot be written, and goes on with the next lines", async (t) => {
    const path = newPath();
    const errors: Error[] = [];
    const writer = new LineWriter(path, (error) => errors.push(error));
    const restore = replaceFs(t, "write", (...args: Write) => {
      setImmediate(() => args[5](systemError("ENOSPC"), 0));
    });
    writer.write("lost");
    while (errors.length === 0) await turn();
    restore();
    writer.write("kept");
    await ended(writer);
    assert.deepEqual(
      errors.map((error) => (error as NodeJS.ErrnoException).code),
      ["ENOSPC"],
    );
    assert.equal(readFileSync(path, "utf8"), "kept\n");
  });

  it("must be able to open its file at the start", () => {
    assert.throws(() => new LineWriter(join(ROOT, "nowhere", "access.log"), noError), { code: "ENOENT" });
  });
});

describe("the end of the line writer", () => {
  it("comes at once when there is nothing to write", async () => {
    await ended(new LineWriter(newPath(), noError));
  });

  it("waits for what is being written, and for what came after it", async (t) => {
    const path = newPath();
    const writer = new LineWriter(path, noError);
    const { write } = fs;
    const { promise: isWriting, resolve } = Promise.withResolvers<() => void>();
    const restore = replaceFs(t, "write", (...args: Write) => resolve(() => write(...args)));
    writer.write("first");
    const goOn = await isWriting;
    restore();
    writer.write("second");
    const isOver = ended(writer).then(() => readFileSync(path, "utf8"));
    writer.write("too late");
    goOn();
    assert.equal(await isOver, "first\nsecond\n");
  });

  it("comes also when the last lines cannot be written", async (t) => {
    const errors: Error[] = [];
    const writer = new LineWriter(newPath(), (error) => errors.push(error));
    replaceFs(t, "write", (...args: Write) => {
      setImmediate(() => args[5](systemError("ENOSPC"), 0));
    });
    writer.write("lost");
    await ended(writer);
    assert.equal(errors.length, 1);
  });
});

describe("after log rotation", () => {
  it("the next lines go to the new file", async () => {
    const path = newPath();
    const writer = new LineWriter(path, noError);
    writer.write("old");
    await turn();
    await turn();
    while (readFileSync(path, "utf8") === "") await turn();
    renameSync(path, `${path}.1`);
    writer.reopen();
    writer.write("new");
    await ended(writer);
    assert.equal(readFileSync(`${path}.1`, "utf8"), "old\n");
    assert.equal(readFileSync(path, "utf8"), "new\n");
  });

  for (const seed of [31, 32]) {
    it(`no line is lost, torn or out of order under load (seed ${seed})`, async () => {
      const random = new Random(seed);
      const path = newPath();
      const writer = new LineWriter(path, noError);
      const written: string[] = [];
      let rotations = 0;
      while (rotations < 15) {
        for (let left = random.below(6); left > 0; left--) {
          const line = `${written.length} ${"x".repeat(random.below(2000))}`;
          writer.write(line);
          written.push(line);
        }
        // Who rotates waits for the new file.
        if (random.below(6) === 0 && existsSync(path)) {
          renameSync(path, `${path}.${++rotations}`);
          writer.reopen();
        }
        if (random.below(2) === 0) await turn();
      }
      await ended(writer);
      const files = Array.from({ length: rotations }, (_, nr) => `${path}.${nr + 1}`);
      const lines = [...files, path].map((file) => readFileSync(file, "utf8")).join("");
      assert.deepEqual(lines.split("\n").slice(0, -1), written);
    });
  }

  it("the old file is written on when the new one cannot be opened", async () => {
    const path = newPath();
    const errors: Error[] = [];
    const writer = new LineWriter(path, (error) => errors.push(error));
    const moved = `${dirname(path)}-moved`;
    renameSync(dirname(path), moved);
    writer.reopen();
    writer.write("goes on");
    await ended(writer);
    assert.equal((errors[0] as NodeJS.ErrnoException).code, "ENOENT");
    assert.equal(readFileSync(join(moved, "access.log"), "utf8"), "goes on\n");
    rmSync(moved, { recursive: true });
  });
});
