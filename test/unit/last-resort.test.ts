import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Contradiction, guarded, reportFault } from "../../src/last-resort.ts";

class Log {
  readonly lines: string[] = [];
  debug(): void {}
  error(message: string): void {
    this.lines.push(message);
  }
  critical(message: string): void {
    this.lines.push(message);
  }
}

function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

describe("an error that nobody expected", () => {
  it("costs one line, which says what was done, what went wrong and where", () => {
    const log = new Log();
    guarded(log, "reading a frame", throwing(new TypeError("x is null")));
    assert.equal(log.lines.length, 1);
    assert.match(
      log.lines[0] ?? "",
      /^Error while reading a frame: TypeError: x is null, at .*last-resort\.test\.ts/,
    );
  });

  it("is told at most once a second for each kind of thing, and none is left out of the count", (t) => {
    let now = 1e6;
    t.mock.method(performance, "now", () => now);
    const log = new Log();
    for (let nr = 0; nr < 5; nr++) reportFault(log, "counting", "a string");
    reportFault(log, "another thing", "a string");
    now += 1001;
    reportFault(log, "counting", "a string");
    assert.deepEqual(log.lines, [
      "Error while counting: a string",
      "Error while another thing: a string",
      "Error while counting (5 times): a string",
    ]);
  });

  it("goes on up when it is a contradiction", () => {
    const log = new Log();
    assert.throws(
      () => guarded(log, "anything", throwing(new Contradiction("released twice"))),
      Contradiction,
    );
    assert.deepEqual(log.lines, []);
  });
});

describe("a process that is guarded", () => {
  const module = join(import.meta.dirname, "../../src/last-resort.ts");

  function run(body: string): { readonly status: number | null; readonly output: string } {
    const log = "{ debug() {}, error: console.log, critical: console.log }";
    const program = `
      import { Contradiction, guardProcess } from ${JSON.stringify(module)};
      guardProcess(${log}, () => process.exit(9));
      setTimeout(() => { console.log("still here"); process.exit(0); }, 200);
      ${body}`;
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    return { status, output: stdout };
  }

  it("lives on after an exception and after a rejection", () => {
    const { status, output } = run(`
      setImmediate(() => { throw new Error("thrown"); });
      setTimeout(() => { void Promise.reject(new RangeError("rejected")); }, 10);`);
    assert.equal(status, 0, output);
    assert.match(output, /^Error while handling an event: Error: thrown/);
    assert.match(output, /still here\n$/);
  });

  it("ends when its state contradicts itself, and shows where", () => {
    const { status, output } = run(`setImmediate(() => { throw new Contradiction("twice"); });`);
    assert.equal(status, 9);
    assert.match(output, /^The state of this process contradicts itself; it ends\. Error: twice\n\s+at /);
  });
});
