/**
 * How a process ends whose stderr nobody reads: in time, with its own exit code, and with every line that could be written.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

const moduleOf = (name: string): string =>
  JSON.stringify(import.meta.resolve(`../../../src/logging/${name}.ts`));

const PREAMBLE = `
  await import(${moduleOf("untouched-streams")});
  const { ErrorLog } = await import(${moduleOf("error-log")});
  const { takeOverNodeMessages } = await import(${moduleOf("node-messages")});
  const log = new ErrorLog("-", "info");
  takeOverNodeMessages(log);`;

function run(program: string, stderr: "pipe" | number): ChildProcess {
  const words = ["--input-type=module", "-e", PREAMBLE + program];
  return spawn(process.execPath, words, { stdio: ["ignore", "ignore", stderr] });
}

/** Writes to it block once it is full. */
function fifo(t: TestContext): { readonly writer: number; readonly reader: number } {
  const path = join(mkdtempSync(join(ROOT, "case-")), "fifo");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, O_RDONLY | O_NONBLOCK);
  const writer = openSync(path, O_WRONLY);
  t.after(() => {
    for (const fd of [reader, writer]) closeSync(fd);
  });
  return { writer, reader };
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  await once(child, "exit");
  return child.exitCode;
}

const FILL = `for (let nr = 0; nr < 1000; nr++) log.info("x".repeat(1000));`;

describe("the exit of a process whose stderr nobody reads", () => {
  it("comes with its own code on a Unix socket, where a thread waits for the reader", async () => {
    const child = run(`${FILL} setTimeout(() => process.exit(5), 50);`, "pipe");
    assert.equal(await exitCode(child), 5);
  });

  it("comes with its own code on a pipe", async (t) => {
    const { writer } = fifo(t);
    assert.equal(await exitCode(run(`${FILL} setTimeout(() => process.exit(5), 50);`, writer)), 5);
  });

  it("comes with code 1 after an uncaught exception", async (t) => {
    const { writer } = fifo(t);
    assert.equal(await exitCode(run(`${FILL} setTimeout(() => { throw new Error("bad") }, 50);`, writer)), 1);
  });
});

describe("the last lines", () => {
  it("are written when the process exits at once, in order", async (t) => {
    const { writer, reader } = fifo(t);
    const program = `for (const word of ["one", "two", "three"]) log.info(word); process.exit(3);`;
    assert.equal(await exitCode(run(program, writer)), 3);
    const buffer = Buffer.alloc(10_000);
    assert.match(buffer.toString("utf8", 0, readSync(reader, buffer)), /one\n.*two\n.*three\n$/);
  });

  it("are written on a Unix socket too", async () => {
    const child = run(`for (const word of ["one", "two", "three"]) log.info(word); process.exit(3);`, "pipe");
    const [code, printed] = await Promise.all([exitCode(child), text(child.stderr as NodeJS.ReadableStream)]);
    assert.equal(code, 3);
    assert.match(printed, /one\n.*two\n.*three\n$/);
  });

  it("tell of an uncaught exception, with its stack", async () => {
    const child = run(`throw new Error("a contradiction");`, "pipe");
    const [code, printed] = await Promise.all([exitCode(child), text(child.stderr as NodeJS.ReadableStream)]);
    assert.equal(code, 1);
    assert.match(
      printed,
      /\[CRITICAL\] Uncaught exception, the process ends: Error: a contradiction\n {4}at /,
    );
  });

  it("have Node's warnings among them", async () => {
    const child = run(`process.emitWarning("too many listeners"); setImmediate(() => {});`, "pipe");
    assert.match(
      await text(child.stderr as NodeJS.ReadableStream),
      /\[WARNING\] Node: Warning: too many listeners\n$/,
    );
  });
});
