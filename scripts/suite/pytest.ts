/** Runs pytest on a directory and counts with its JUnit report, which is made for machines; its output is for people. */
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeEnd, type Finished, runProgram } from "./command.ts";
import { NOTHING_TO_RUN, type Outcome } from "./outcome.ts";

export async function runPytest(python: string, directory: string): Promise<Outcome> {
  if (globSync(`${directory}/**/test_*.py`).length === 0) return NOTHING_TO_RUN;
  const temporary = await mkdtemp(join(tmpdir(), "pytest-report-"));
  const report = join(temporary, "report.xml");
  try {
    const finished = await runProgram(python, ["-m", "pytest", "-q", `--junitxml=${report}`, directory]);
    return outcomeOf(finished, maybeRead(report));
  } finally {
    await rm(temporary, { recursive: true });
  }
}

function outcomeOf(finished: Finished, xml: string | undefined): Outcome {
  const suite = xml?.match(/<testsuite [^>]*>/)?.[0] ?? "";
  const tests = attribute(suite, "tests");
  const failed = attribute(suite, "failures") + attribute(suite, "errors");
  const skipped = attribute(suite, "skipped");
  const report = `${finished.output.trimEnd()}\npytest: ${describeEnd(finished)}`;
  // It may fail without a failed test: nothing was collected, a crash, a signal.
  if (finished.code !== 0) return { passed: tests - failed - skipped, failed: failed || 1, skipped, report };
  return { passed: tests - failed - skipped, failed, skipped, report: failed === 0 ? "" : report };
}

/** An attribute that is a number; 0 when it is missing. */
function attribute(element: string, name: string): number {
  return Number(element.match(new RegExp(` ${name}="(\\d+)"`))?.[1] ?? 0);
}

/** Pytest writes no report when it does not get as far as running tests. */
function maybeRead(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
