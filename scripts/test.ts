/**
 * Runs the suites and says what became of them: the failures of each in full, a table, and as the last line
 * `N passed, N failed`. The exit code is 1 when anything failed, and when tests were asked for and none was run.
 *
 *   node scripts/test.ts                 all suites
 *   node scripts/test.ts check           those of `make check`
 *   node scripts/test.ts unit server     some, by name
 */
import { availableParallelism } from "node:os";
import { delimiter, resolve } from "node:path";
import { inspect, styleText } from "node:util";
import { runCheck } from "./suite/command.ts";
import { runNodeTests } from "./suite/node-tests.ts";
import { NOTHING_TO_RUN, type Outcome } from "./suite/outcome.ts";
import { runPytest } from "./suite/pytest.ts";

type Suite = {
  readonly name: string;
  /**
   * check: one program that passes or fails; tests: tests without timing, run beside each other;
   * servers: tests with real processes, which get the machine for themselves.
   */
  readonly kind: "check" | "tests" | "servers";
  readonly run: () => Promise<Outcome>;
};

type Result = { readonly suite: Suite; readonly outcome: Outcome; readonly seconds: number };

const UNIT = { concurrency: 1, testTimeoutMs: 30_000, fileTimeoutMs: 60_000 };
/** Tests with servers wait more than they compute. */
const SERVERS = { concurrency: 2, testTimeoutMs: 60_000, fileTimeoutMs: 300_000 };
/** Each file builds what is published, in the same directory. */
const DIST = { concurrency: 1, testTimeoutMs: 120_000, fileTimeoutMs: 300_000 };

const OBEYED =
  /^(DJANGO_.*|FLASK_.*|FORWARDED_ALLOW_IPS|GUNICORN_CMD_ARGS|LISTEN_.*|NODE_OPTIONS|NODE_TEST_.*|NOTIFY_SOCKET|PORT|PYTEST_.*|PYTHON(HOME|PATH|STARTUP)|SENDFILE|TUNICORN_PYTHON|WEB_CONCURRENCY)$/;

const TSC = "node node_modules/.bin/tsc";
const BIOME = "node node_modules/.bin/biome";
const RUFF = ".venv/bin/ruff";

const SUITES: readonly Suite[] = [
  // The slowest first, so that they do not run on alone at the end.
  { name: "python", kind: "tests", run: () => runPytest(".venv/bin/python", "test/python") },
  { name: "mypy", kind: "check", run: () => runCheck(".venv/bin/python -m mypy") },
  { name: "unit", kind: "tests", run: () => runNodeTests("test/unit", UNIT) },
  { name: "tsc", kind: "check", run: () => runCheck(`${TSC} -p tsconfig.json`) },
  {
    name: "biome",
    kind: "check",
    run: () => runCheck(`${BIOME} check --error-on-warnings --max-diagnostics=none .`),
  },
  {
    name: "ruff",
    kind: "check",
    run: () => runCheck(`${RUFF} check --quiet`, `${RUFF} format --check --quiet`),
  },
  { name: "server", kind: "servers", run: () => runNodeTests("test/server", SERVERS) },
  { name: "dist", kind: "servers", run: () => runNodeTests("test/dist", DIST) },
  { name: "compat", kind: "servers", run: () => runNodeTests("test/compat", SERVERS) },
];

process.chdir(resolve(import.meta.dirname, ".."));
prepareEnvironment();
const suites = select(process.argv.slice(2));
const alone = suites.filter((suite) => suite.kind === "servers");
const together = suites.filter((suite) => suite.kind !== "servers");
const results = [...(await runAll(together, availableParallelism())), ...(await runAll(alone, 1))];
process.exitCode = summarize(results) ? 0 : 1;

/** Tests see the checkout's Node and Python, and nothing of the caller's that a server or its application obeys. */
function prepareEnvironment(): void {
  const venv = resolve(".venv");
  process.env.VIRTUAL_ENV = venv;
  process.env.PATH = [resolve(venv, "bin"), process.env.PATH].join(delimiter);
  // Every test file is a Node process of its own, which would strip and compile the same sources again.
  process.env.NODE_COMPILE_CACHE = resolve("node_modules/.cache/tests");
  for (const name of Object.keys(process.env)) if (OBEYED.test(name)) delete process.env[name];
}

function select(names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return SUITES;
  const known = new Set(["check", ...SUITES.map((suite) => suite.name)]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    console.error(`unknown suite ${unknown.join(", ")}; there are: ${[...known].join(", ")}`);
    process.exit(2);
  }
  return SUITES.filter(
    (suite) => names.includes(suite.name) || (names.includes("check") && suite.kind !== "servers"),
  );
}

/** Runs suites, `limit` at a time; results come in the order of the suites. */
async function runAll(selected: readonly Suite[], limit: number): Promise<readonly Result[]> {
  const byName = new Map<string, Result>();
  const waiting = [...selected];
  const runNext = async (): Promise<void> => {
    for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) {
      const result = await runSuite(suite);
      byName.set(suite.name, result);
      if (result.outcome.report !== "") console.log(`${title(suite.name)}\n${result.outcome.report}\n`);
    }
  };
  await Promise.all(Array.from({ length: limit }, runNext));
  return selected.flatMap((suite) => byName.get(suite.name) ?? []);
}

async function runSuite(suite: Suite): Promise<Result> {
  const started = performance.now();
  // A suite that cannot even start has failed, and the others still run.
  const outcome = await suite.run().catch((error: unknown): Outcome => {
    return { passed: 0, failed: 1, skipped: 0, report: inspect(error) };
  });
  return { suite, outcome, seconds: (performance.now() - started) / 1000 };
}

function title(name: string): string {
  return styleText("bold", `── ${name} ${"─".repeat(90 - name.length)}`, { stream: process.stdout });
}

/** Prints the table and the last line; false when the run has failed. */
function summarize(results: readonly Result[]): boolean {
  console.log(columns("suite", "passed", "failed", "skipped", "seconds"));
  for (const result of results) console.log(tableLine(result));
  const tests = results.filter(({ suite }) => suite.kind !== "check");
  const run = tests.reduce((sum, { outcome }) => sum + outcome.passed + outcome.failed, 0);
  const none = tests.length > 0 && run === 0;
  if (none) console.log("\nno test was run");
  const passed = results.reduce((sum, { outcome }) => sum + outcome.passed, 0);
  const failed = results.reduce((sum, { outcome }) => sum + outcome.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && !none;
}

function tableLine({ suite, outcome, seconds }: Result): string {
  const { passed, failed, skipped } = outcome;
  const time = outcome === NOTHING_TO_RUN ? "–" : seconds.toFixed(1);
  const line = columns(suite.name, `${passed}`, `${failed}`, `${skipped}`, time);
  return failed === 0 ? line : styleText("red", line, { stream: process.stdout });
}

function columns(name: string, ...numbers: readonly string[]): string {
  return name.padEnd(10) + numbers.map((text) => text.padStart(9)).join("");
}
