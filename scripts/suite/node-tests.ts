/**
 * Runs the node:test files under a directory, each in a process of its own, and counts their tests.
 *
 * The counts are made from the events of the single tests, because the runner's own summary
 * 1. calls a file without any test passed: here it failed, a test file that tests nothing is a mistake;
 * 2. leaves out hooks that fail after the last test: here each is a failure;
 * 3. counts a parent once more when only its subtests failed: here only those count.
 */
import { existsSync, globSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "node:test";
import { inspect } from "node:util";
import { NOTHING_TO_RUN, type Outcome } from "./outcome.ts";

export type NodeTestOptions = {
  /** How many files run at the same time. */
  readonly concurrency: number;
  /** Of one test; a test may ask for another. */
  readonly testTimeoutMs: number;
  /** Of all tests of a file; then its process is ended. */
  readonly fileTimeoutMs: number;
};

type TestEvent = {
  readonly name: string;
  readonly nesting: number;
  readonly line?: number | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined };
};

export async function runNodeTests(directory: string, options: NodeTestOptions): Promise<Outcome> {
  const files = existsSync(directory) ? globSync(`${directory}/**/*.test.ts`).sort() : [];
  if (files.length === 0) return NOTHING_TO_RUN;
  const outcomes: Outcome[] = [];
  const runNext = async (): Promise<void> => {
    for (let file = files.shift(); file !== undefined; file = files.shift())
      outcomes.push(await runFile(file, options));
  };
  await Promise.all(Array.from({ length: options.concurrency }, runNext));
  return outcomes.reduce(sum);
}

/**
 * One `run()` for each file, because only its signal ends a file that hangs: a test that times out fails, but what it
 * waited for keeps the process of the file alive.
 */
async function runFile(file: string, { testTimeoutMs, fileTimeoutMs }: NodeTestOptions): Promise<Outcome> {
  const tally = new Tally(file);
  const stream = run({ files: [file], timeout: testTimeoutMs, signal: AbortSignal.timeout(fileTimeoutMs) });
  stream.on("test:start", (event) => tally.started(event.nesting, event.name));
  stream.on("test:pass", (event) => tally.passed(event));
  stream.on("test:fail", (event) => tally.failed(event, event.details.error));
  stream.on("test:stdout", (event) => tally.printed(event.message));
  stream.on("test:stderr", (event) => tally.printed(event.message));
  // Errors after the end of a test come here; so do the runner's totals, without a file.
  stream.on("test:diagnostic", (event) => {
    if (event.file !== undefined) tally.printed(`${event.message}\n`);
  });
  // The stream must be drained to reach its end.
  for await (const _ of stream);
  return tally.outcome();
}

function sum(a: Outcome, b: Outcome): Outcome {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    report: [a.report, b.report].filter((report) => report !== "").join("\n\n"),
  };
}

/** The counts of one file, its failures, and what it printed. */
class Tally {
  readonly #file: string;
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  /** The titles of the tests that enclose the current one, and its own. */
  readonly #path: string[] = [];
  readonly #failures: string[] = [];
  #output = "";

  constructor(file: string) {
    this.#file = file;
  }

  started(nesting: number, name: string): void {
    this.#path.length = nesting;
    this.#path.push(name);
  }

  passed(event: TestEvent): void {
    if (event.details.type === "suite") return;
    if (event.skip !== undefined || event.todo !== undefined) this.#skipped++;
    else if (this.#isWholeFile(event)) this.#fail(event, "there is no test in this file");
    else this.#passed++;
  }

  failed(event: TestEvent, error: Error): void {
    if ("failureType" in error && error.failureType === "subtestsFailed") return;
    if (event.todo !== undefined) this.#skipped++;
    else this.#fail(event, describe(error));
  }

  printed(text: string): void {
    this.#output += text;
  }

  outcome(): Outcome {
    const sections = [...this.#failures];
    if (this.#failed > 0 && this.#output !== "")
      sections.push(`${this.#file} printed:\n${indent(this.#output.trimEnd())}`);
    const counts = { passed: this.#passed, failed: this.#failed, skipped: this.#skipped };
    return { ...counts, report: sections.join("\n\n") };
  }

  #fail(event: TestEvent, why: string): void {
    this.#failed++;
    const title = this.#isWholeFile(event) ? [] : [...this.#path.slice(0, event.nesting), event.name];
    this.#failures.push(`${[`${this.#file}:${event.line ?? 1}`, ...title].join(" › ")}\n${indent(why)}`);
  }

  /** The runner reports on a file as on a test when it has none, when it cannot be loaded, or when its process fails. */
  #isWholeFile(event: TestEvent): boolean {
    return event.nesting === 0 && resolve(event.name) === resolve(this.#file);
  }
}

/** A test's error is wrapped by the runner; that of a file's process is a text and an exit code or a signal. */
function describe(error: Error): string {
  if ("failureType" in error && error.failureType === "testAborted")
    return "still running at the time limit: ended";
  if (typeof error.cause !== "string") return inspect(error.cause ?? error);
  if ("exitCode" in error && typeof error.exitCode === "number")
    return `${error.cause}: exit code ${error.exitCode}`;
  if ("signal" in error && typeof error.signal === "string")
    return `${error.cause}: ended by ${error.signal}`;
  return error.cause;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "    ");
}
