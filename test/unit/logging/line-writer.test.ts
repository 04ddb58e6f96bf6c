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
import { LineWriter, type LineWriterOptions } from "../../../src/logging/line-writer.ts";
import { Random } from "../random.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "access.log");
const turn = (): Promise<void> => new Promise(setImmediate);

const MAX_BYTES = 1024 * 1024;

/** For the access log, unless the test says otherwise; what is lost fails it, unless the test asks. */
function newWriter(target: string, options: Partial<LineWriterOptions> = {}): LineWriter {
  return new LineWriter(target, {
    isPrompt: false,
    maxBytes: MAX_BYTES,
    onLost: (lines, reason) => assert.fail(`${lines} lines lost: ${reason}`),
    onNotReopened: (error) => assert.fail(error),
    ...options,
  });
}

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

/** A FIFO, and what has come out of it since the last look. */
function fifo(t: TestContext): { readonly path: string; readonly read: () => string } {
  const path = newPath();
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const buffer = Buffer.alloc(128 * 1024);
  const read = (): string => {
    try {
      return buffer.toString("utf8", 0, fs.readSync(reader, buffer));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return "";
    }
  };
  return { path, read };
}

describe("the line writer", () => {
  it("writes lines in order, those of one turn of the event loop at once", async (t) => {
    const path = newPath();
    const writer = newWriter(path);
    const sizes = watchWrites(t);
    for (const line of ["one", "two é", "three"]) writer.write(line);
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "one\ntwo é\nthree\n");
    assert.deepEqual(sizes, [Buffer.byteLength("one\ntwo é\nthree\n")]);
  });

  it("adds to what the file holds", async () => {
    const path = newPath();
    for (const line of ["first", "second"]) {
      const writer = newWriter(path);
      writer.write(line);
      await ended(writer);
    }
    assert.equal(readFileSync(path, "utf8"), "first\nsecond\n");
  });

  it("writes to stdout", async () => {
    const module = JSON.stringify(import.meta.resolve("../../../src/logging/line-writer.ts"));
    const program = `
      const { LineWriter } = await import(${module});
      const options = { isPrompt: false, maxBytes: 1e6, onLost: console.error, onNotReopened: console.error };
      const writer = new LineWriter(1, options);
      writer.write("to stdout");
      writer.reopen();
      writer.end(() => process.exit(0));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
    assert.deepEqual(await Promise.all([text(child.stdout), text(child.stderr)]), ["to stdout\n", ""]);
  });

  it("keeps lines that come during a write for the next one, in order", async (t) => {
    const path = newPath();
    const writer = newWriter(path);
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
    const writer = newWriter(path);
    const { write } = fs;
    replaceFs(t, "write", (...[fd, bytes, from, length, at, callback]: Write) =>
      write(fd, bytes, from, Math.min(length, 3), at, callback),
    );
    writer.write("longer than three bytes");
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "longer than three bytes\n");
  });

  it("waits for a pipe that is full, without blocking", async (t) => {
    const { path, read } = fifo(t);
    const writer = newWriter(path);
    const line = "x".repeat(4095);
    for (let nr = 0; nr < 20; nr++) writer.write(line);
    await turn();
    assert.equal(read(), `${line}\n`.repeat(16), "as much as a pipe holds");
    await ended(writer);
    assert.equal(read(), `${line}\n`.repeat(4));
  });

  it("gives a pipe whole lines, in pieces that no other writer can tear", async (t) => {
    const { path, read } = fifo(t);
    const writer = newWriter(path);
    const sizes: number[] = [];
    const { writeSync } = fs;
    replaceFs(t, "writeSync", (fd: number, bytes: Uint8Array, from: number, length: number) => {
      sizes.push(length);
      return writeSync(fd, bytes, from, length);
    });
    const lines = Array.from({ length: 100 }, (_, nr) => `${nr} `.padEnd(99, "x"));
    lines.splice(50, 0, "long".repeat(1500));
    for (const line of lines) writer.write(line);
    await ended(writer);
    assert.deepEqual(sizes, [4000, 1000, 6001, 4000, 1000]);
    assert.equal(read(), `${lines.join("\n")}\n`);
  });

  for (const isPrompt of [false, true]) {
    it(`keeps lines for a reader that sleeps, then drops and counts them (prompt: ${isPrompt})`, async (t) => {
      const { path, read } = fifo(t);
      const lost: [number, string][] = [];
      const writer = newWriter(path, { isPrompt, onLost: (...loss) => lost.push(loss) });
      const line = "x".repeat(1023);
      const turns = 8;
      for (let nr = 0; nr < turns; nr++) {
        for (let more = 0; more < 512; more++) writer.write(line);
        await turn();
      }
      assert.deepEqual(lost, [], "nothing is said while it sleeps");
      let arrived = "";
      while (lost.length === 0) {
        arrived += read();
        await turn();
      }
      const isEnded = ended(writer);
      let isOver = false;
      void isEnded.then(() => {
        isOver = true;
      });
      while (!isOver) {
        arrived += read();
        await turn();
      }
      arrived += read();
      const lines = arrived.split("\n").slice(0, -1);
      assert.ok(
        lines.every((each) => each === line),
        "whole lines",
      );
      assert.ok(arrived.length < 2 * MAX_BYTES, `${arrived.length} bytes were kept`);
      assert.deepEqual(lost, [[turns * 512 - lines.length, `'${path}' does not keep up`]]);
    });
  }

  it("says at once what the system refuses, then once a second at most, and goes on with the next lines", async (t) => {
    const path = newPath();
    const lost: [number, string][] = [];
    const writer = newWriter(path, { onLost: (...loss) => lost.push(loss) });
    let refused = 0;
    const restore = replaceFs(t, "write", (...args: Write) => {
      refused++;
      setImmediate(() => args[5](systemError("ENOSPC"), 0));
    });
    writer.write("lost");
    writer.write("lost too");
    while (lost.length === 0) await turn();
    assert.deepEqual(lost, [[2, "ENOSPC: so says the test"]]);
    while (refused < 3) {
      writer.write("lost quietly");
      await turn();
    }
    restore();
    writer.write("kept");
    await ended(writer);
    assert.equal(lost.length, 1);
    assert.match(readFileSync(path, "utf8"), /^(lost quietly\n)*kept\n$/);
  });

  it("begins a line of its own after one that the system has refused to finish", async (t) => {
    const path = newPath();
    const writer = newWriter(path, { isPrompt: true, onLost: () => {} });
    const { writeSync } = fs;
    let calls = 0;
    const restore = replaceFs(t, "writeSync", (fd: number, bytes: Uint8Array, from: number) => {
      if (calls++ > 0) throw systemError("ENOSPC");
      return writeSync(fd, bytes, from, 4);
    });
    writer.write("torn off");
    restore();
    writer.write("whole");
    await ended(writer);
    assert.equal(readFileSync(path, "utf8"), "torn\nwhole\n");
  });

  it("must be able to open its file at the start", () => {
    assert.throws(() => newWriter(join(ROOT, "nowhere", "access.log")), { code: "ENOENT" });
  });
});

describe("the end of the line writer", () => {
  it("comes at once when there is nothing to write", async () => {
    await ended(newWriter(newPath()));
  });

  it("waits for what is being written, and for what came after it", async (t) => {
    const path = newPath();
    const writer = newWriter(path);
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
    const errors: string[] = [];
    const writer = newWriter(newPath(), { onLost: (_, reason) => errors.push(reason) });
    replaceFs(t, "write", (...args: Write) => {
      setImmediate(() => args[5](systemError("ENOSPC"), 0));
    });
    writer.write("lost");
    await ended(writer);
    assert.equal(errors.length, 1);
  });
});

describe("the end with a reader that sleeps", () => {
  it("comes in time", async (t) => {
    const { path } = fifo(t);
    const writer = newWriter(path, { onLost: () => {} });
    for (let nr = 0; nr < 100; nr++) writer.write("x".repeat(4000));
    await ended(writer);
  });
});

describe("after log rotation", () => {
  it("the next lines go to the new file", async () => {
    const path = newPath();
    const writer = newWriter(path);
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
      const writer = newWriter(path, { maxBytes: Number.POSITIVE_INFINITY });
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
    const writer = newWriter(path, { onNotReopened: (error) => errors.push(error) });
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
