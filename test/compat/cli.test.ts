/**
 * The command line beside real Gunicorn's: exit code, standard output and standard error of both for the same words,
 * apart from their names and versions.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ask } from "../support/client.ts";
import {
  type Both,
  cleanUp,
  type Environment,
  ofBoth,
  PROGRAMS,
  type Program,
  Running,
  temporaryDirectory,
} from "../support/programs.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";
import { comparableOutput } from "./support/printed-text.ts";

interface Case {
  readonly title: string;
  /** DIR stands for a directory that the program has for itself, USED for a port that is in use. */
  readonly words: readonly string[];
  readonly env?: Environment;
  /** Prepares the directory. */
  readonly prepare?: (directory: string) => void;
  /** It starts, is asked for `/`, and is told to leave. Without this it must leave by itself. */
  readonly serves?: true;
  /** It may start workers over and over, and is then told to leave. */
  readonly restarts?: true;
  /** Only the error itself is compared, and what the log says of it. */
  readonly failsBefore?: true;
  readonly differs?: Explanations;
  /** The row for outputs that have little in common; the exit code is still the same, unless that differs too. */
  readonly isUnlike?: string;
  readonly exitsDifferently?: true;
}

const differences = new Differences("command line");

// What several cases have in common.
const ONE_TRY: Explanations = { tries: "command line: tries to bind an address that cannot be had" };
const AGAIN: Explanations = { stderr: "command line: message of an exception at boot" };
const PY_FILE: Explanations = {
  stderr: ["command line: message of an exception at boot", "command line: MODULE.py as the application"],
};
const WEB_CONCURRENCY = "command line: WEB_CONCURRENCY that is no number";
const PORT = "command line: port out of range";

type Difference = Pick<Case, "differs" | "isUnlike" | "exitsDifferently" | "restarts">;

/** Of the cases that are known by their address or application alone. */
const DIFFERS: Readonly<Record<string, Difference>> = {
  "fd://-1": { isUnlike: "command line: negative file descriptor" },
  "fd://999": { isUnlike: "command line: file descriptor that is not open" },
  "1:2:3": { isUnlike: "command line: address with two ports" },
  "[::1]9000": { isUnlike: "command line: IPv6 address without a colon before the port" },
  "127.0.0.1:-1": { isUnlike: PORT },
  "127.0.0.1:99999": { isUnlike: PORT },
  "unix:": { isUnlike: "command line: Unix socket without a path" },
  no_such_module: { differs: AGAIN },
  importing: { differs: AGAIN },
  raising: { differs: AGAIN },
  broken: { differs: AGAIN },
  exiting: {
    isUnlike: "command line: application that exits when it is imported",
    exitsDifferently: true,
    restarts: true,
  },
  "loadable.py": { differs: PY_FILE },
  "loadable:factory(**{'number': 1})": { isUnlike: "command line: factory with **" },
  "loadable:number()": { isUnlike: "command line: call of what is not callable", exitsDifferently: true },
};

const SETTINGS_OF_ALL_KINDS = `
import multiprocessing as workers_of
import os
from os import sep as proc_name
threads = len(os.sep) * 2
raw_env = [f"GREETING={'good'} day"]
forwarded_allow_ips = ",".join(["127.0.0.1", "10.0.0.0/8"])
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
worker_class = lambda: "gthread"
unknown = object()
WORKERS = 17
def pre_fork(server, worker):
    pass
`;
const CHECK_ERROR: Explanations = { stderr: "command line: class of an error with --check-config" };
const LOCAL = ["--bind", "127.0.0.1:0"];
const APP = "loadable";

const OPTIONS: readonly Case[] = [
  { title: "--version", words: ["--version"] },
  { title: "-v with a mistake after it", words: ["-v", "--nope"] },
  { title: "--help", words: ["--help"], isUnlike: "command line: text of --help" },
  { title: "no application", words: [] },
  { title: "an option without its argument", words: ["--bind"] },
  { title: "an argument for an option that has none", words: ["--preload=yes", APP] },
  { title: "an unknown option", words: ["--nope", APP] },
  {
    title: "an unknown option that is nearly a known one",
    words: ["--wokers", "2", APP],
    differs: { stderr: "command line: unknown option that is nearly a known one" },
  },
  { title: "an unknown short option", words: ["-Z", APP] },
  { title: "an ambiguous prefix", words: ["--work", "3", APP] },
  { title: "an unambiguous prefix", words: ["--back", "64", ...LOCAL, APP], serves: true },
  { title: "a prefix of an option that has a longer namesake", words: ["--limit-request-field", "5", APP] },
  { title: "several applications", words: [...LOCAL, APP, "no_such_module"], serves: true },
  { title: "words after --", words: [...LOCAL, "--", APP], serves: true },
  { title: "a number that is none", words: ["--workers", "many", APP] },
  { title: "an empty number", words: ["--workers", "", APP] },
  { title: "a number in hexadecimal", words: ["--workers", "0x2", APP] },
  {
    title: "a number with underscores and blanks",
    words: ["--timeout", " 3_0 ", ...LOCAL, APP],
    serves: true,
  },
  { title: "a negative number", words: ["--workers", "-1", APP] },
  { title: "a negative number after =", words: ["--timeout=-5", APP] },
  { title: "a number that is not octal", words: ["--umask", "0089", APP] },
  {
    title: "an unknown worker class",
    words: ["--worker-class", "nope", ...LOCAL, APP],
    isUnlike: "command line: unknown worker class",
  },
  {
    title: "a worker class of another kind",
    words: ["--worker-class", "tornado", ...LOCAL, APP],
    isUnlike: "command line: worker class that is not there yet",
  },
  { title: "an unknown log level", words: ["--log-level", "loud", ...LOCAL, APP], serves: true },
  { title: "an unknown header map", words: ["--header-map", "keep", APP] },
  { title: "a network that is none", words: ["--forwarded-allow-ips", "300.0.0.1", APP] },
  { title: "a network with host bits", words: ["--forwarded-allow-ips", "10.0.0.1/8", APP] },
  { title: "a directory that is missing", words: ["--chdir", "/no/such/directory", APP] },
  { title: "a directory that is a file", words: ["--chdir", "loadable.py", APP] },
  { title: "an environment setting without =", words: ["--env", "GREETING", ...LOCAL, APP] },
  {
    title: "an environment setting twice",
    words: ["-e", "GREETING=a", "-e", "GREETING=b", ...LOCAL, APP],
    serves: true,
  },
  {
    title: "an error log in a missing directory",
    words: ["--error-logfile", "/no/such/directory/log", ...LOCAL, APP],
  },
  {
    title: "an access log in a missing directory",
    words: ["--access-logfile", "/no/such/directory/log", ...LOCAL, APP],
  },
];

/** What Gunicorn tries in vain, five times with a second between. */
const UNUSABLE: readonly Case[] = [
  { title: "a port in use", words: ["--bind", "127.0.0.1:USED", APP] },
  { title: "an address that is another machine's", words: ["--bind", "192.0.2.1:0", APP], differs: ONE_TRY },
  { title: "a host that is not known", words: ["--bind", "256.0.0.1:0", APP], differs: ONE_TRY },
  {
    title: "a Unix socket in a missing directory",
    words: ["--bind", "unix:DIR/no/socket", APP],
    differs: ONE_TRY,
  },
];

/** So that Gunicorn stops here too, where it goes on with an address of its own making. */
const STOP = ["--bind", "stop:here"];
const BINDS: readonly Case[] = [
  ...["[::1", "::1", "127.0.0.1:", "127.0.0.1:abc", "127.0.0.1:-1", "127.0.0.1:99999"].map(bound),
  ...["fd://x", "fd://-1", "fd://999"].map(bound),
  ...["1:2:3", "[::1]9000", "unix:"].map((bind) => ({
    ...bound(bind),
    words: ["--bind", bind, ...STOP, APP],
  })),
];

function bound(bind: string): Case {
  return { title: bind, words: ["--bind", bind, APP], ...DIFFERS[bind] };
}

const ADDRESSES: readonly Case[] = [
  {
    title: "several addresses",
    words: ["--bind", "127.0.0.1:0", "--bind", "unix:DIR/socket", APP],
    serves: true,
  },
  {
    title: "a Unix socket where a file is",
    words: ["--bind", "unix:DIR/socket", APP],
    prepare: (directory) => writeFileSync(join(directory, "socket"), ""),
    isUnlike: "command line: Unix socket where a file is",
  },
];

const ENVIRONMENT: readonly Case[] = [
  {
    title: "GUNICORN_CMD_ARGS",
    words: [APP],
    env: { GUNICORN_CMD_ARGS: "--bind 127.0.0.1:0 -e 'GREETING=good day'" },
    serves: true,
  },
  {
    title: "GUNICORN_CMD_ARGS below the command line",
    words: ["--bind", "127.0.0.1:0", APP],
    env: { GUNICORN_CMD_ARGS: "--bind nowhere.invalid:1" },
    serves: true,
  },
  { title: "an application in GUNICORN_CMD_ARGS", words: [], env: { GUNICORN_CMD_ARGS: APP } },
  { title: "an unknown option in GUNICORN_CMD_ARGS", words: [APP], env: { GUNICORN_CMD_ARGS: "--nope" } },
  { title: "a bad number in GUNICORN_CMD_ARGS", words: [APP], env: { GUNICORN_CMD_ARGS: "--workers x" } },
  {
    title: "a negative number in GUNICORN_CMD_ARGS",
    words: [APP],
    env: { GUNICORN_CMD_ARGS: "--workers=-1" },
  },
  { title: "an open quote in GUNICORN_CMD_ARGS", words: [APP], env: { GUNICORN_CMD_ARGS: "--env 'A=b" } },
  {
    title: "WEB_CONCURRENCY below the command line",
    words: ["--workers", "1", ...LOCAL, APP],
    env: { WEB_CONCURRENCY: "2" },
    serves: true,
  },
  {
    title: "WEB_CONCURRENCY that is no number",
    words: [APP],
    env: { WEB_CONCURRENCY: "x" },
    isUnlike: WEB_CONCURRENCY,
  },
  {
    title: "an empty WEB_CONCURRENCY",
    words: [APP],
    env: { WEB_CONCURRENCY: "" },
    isUnlike: WEB_CONCURRENCY,
  },
  {
    title: "an empty WEB_CONCURRENCY and --version",
    words: ["--version"],
    env: { WEB_CONCURRENCY: "" },
    isUnlike: "command line: empty WEB_CONCURRENCY and --version",
    exitsDifferently: true,
  },
  { title: "a negative WEB_CONCURRENCY", words: [APP], env: { WEB_CONCURRENCY: "-1" } },
  { title: "PORT that is no number", words: [APP], env: { PORT: "x" } },
  { title: "FORWARDED_ALLOW_IPS that is no network", words: [APP], env: { FORWARDED_ALLOW_IPS: "x" } },
];

const APPLICATIONS: readonly Case[] = [
  { title: "an attribute", words: ["loadable:application"], serves: true },
  { title: "a factory", words: ["loadable:factory(1, k='x')"], serves: true },
  {
    title: "a factory of nested literals",
    words: ["loadable:factory({'a': [1, (2,)]}, k=None)"],
    serves: true,
  },
  ...["no_such_module", "importing", "raising", "broken", "exiting"].map(named),
  ...["loadable:missing", "loadable:none", "loadable:number", "loadable:", "loadable.py"].map(named),
  ...["loadable:nested.application", "loadable:nested.application()", "loadable:factory("].map(named),
  ...["loadable:factory()", "loadable:factory(1, x=2)", "loadable:factory(number)"].map(named),
  ...["loadable:factory(**{'number': 1})", "loadable:number()", "loadable:fruitless()"].map(named),
];

/** --preload has Gunicorn fail in other words and before anything else; the error is the same. */
const PRELOADED: readonly Case[] = [
  { title: "a factory", words: ["loadable:factory(1, k='x')"], serves: true },
  ...["no_such_module", "broken", "loadable:missing", "loadable:none"].map((app) => preloaded(app)),
  ...["loadable:factory()", "loadable:nested.application"].map((app) => preloaded(app)),
  preloaded("raising", "command line: RuntimeError with --preload"),
  preloaded("exiting", "command line: SystemExit with --preload"),
];

function named(app: string): Case {
  return { title: app, words: [app], prepare: writeBrokenModule, ...DIFFERS[app] };
}

function preloaded(app: string, error?: string): Case {
  const log = "command line: log of a failure with --preload";
  return {
    title: app,
    words: [app],
    prepare: writeBrokenModule,
    failsBefore: true,
    differs: error === undefined ? { log } : { log, error },
  };
}

/** Not among the applications, where every tool that reads Python would trip over it. */
function writeBrokenModule(directory: string): void {
  writeFileSync(join(directory, "broken.py"), "def application(environ, start_response:\n");
}

const PID_FILES: readonly Case[] = [
  { title: "a pid file", words: ["--pid", "DIR/pid", ...LOCAL, APP], serves: true },
  {
    title: "a pid file of a living process",
    words: ["--pid", "DIR/pid", ...LOCAL, APP],
    prepare: (directory) => writeFileSync(join(directory, "pid"), `${process.pid}\n`),
  },
  {
    title: "a pid file of no process",
    words: ["--pid", "DIR/pid", ...LOCAL, APP],
    // Above what Linux and macOS count up to.
    prepare: (directory) => writeFileSync(join(directory, "pid"), "99999999\n"),
    serves: true,
  },
  { title: "a pid file in a missing directory", words: ["--pid", "DIR/no/pid", ...LOCAL, APP] },
  {
    title: "a pid file that is a directory",
    words: ["--pid", "DIR/pid", ...LOCAL, APP],
    prepare: (directory) => mkdirSync(join(directory, "pid")),
    isUnlike: "command line: pid file that is a directory",
  },
];

const FILE = ["-c", "DIR/settings.py", ...LOCAL];
const CONFIGURATION: readonly Case[] = [
  { title: "a file that is missing", words: ["-c", "DIR/nope.py", APP] },
  { title: "file:", words: ["-c", "file:DIR/nope.py", APP] },
  { title: "a module that is missing", words: ["-c", "python:no_such_module", APP] },
  { title: "a module", words: ["-c", "python:loadable", ...LOCAL, APP], serves: true },
  written("a value that is none", "workers = 'abc'"),
  written("a hook with too many arguments", "import os\ndef on_exit(server, code):\n    os.abort()"),
  written("an exception", "raise ValueError('no')"),
  written("no Python", "def on_exit(server:"),
  written("an exit", "raise SystemExit(7)"),
  written("an exit with a message", "import sys\nsys.exit('no')"),
  { ...written("settings of all kinds", SETTINGS_OF_ALL_KINDS), serves: true },
  { ...written("no extension", "timeout = 3"), words: ["-c", "DIR/settings", ...LOCAL, APP], serves: true },
  { ...written("the application", `wsgi_app = "${APP}"`), words: FILE, serves: true },
  { ...written("no application", "workers = 1"), words: FILE },
];

const CHECKS: readonly Case[] = [
  { title: "good", words: ["--check-config", APP] },
  { title: "a missing module", words: ["--check-config", "no_such_module"] },
  { title: "an application that fails", words: ["--check-config", "raising"] },
  { title: "a missing attribute", words: ["--check-config", "loadable:nope"], differs: CHECK_ERROR },
  { title: "an application that exits", words: ["--check-config", "exiting"] },
];

function written(title: string, text: string): Case {
  const prepare = (directory: string): void => {
    for (const name of ["settings.py", "settings"]) writeFileSync(join(directory, name), `${text}\n`);
  };
  return { title, words: [...FILE, APP], prepare };
}

const SECTIONS: Readonly<Record<string, readonly Case[]>> = {
  "an address that cannot be had": UNUSABLE,
  option: OPTIONS,
  bind: BINDS,
  address: ADDRESSES,
  environment: ENVIRONMENT,
  application: withWords(["--pythonpath", "DIR", ...LOCAL], APPLICATIONS),
  "application with --preload": withWords(["--preload", "--pythonpath", "DIR", ...LOCAL], PRELOADED),
  "pid file": PID_FILES,
  "configuration file": CONFIGURATION,
  "--check-config": CHECKS,
};

function withWords(words: readonly string[], cases: readonly Case[]): readonly Case[] {
  return cases.map((each) => ({ ...each, words: [...words, ...each.words] }));
}

const usedPort = createServer();

// Much of the time goes into waiting, and the longest wait comes first.
describe("the command line", { concurrency: 5 }, () => {
  before(async () => {
    usedPort.listen(0, "127.0.0.1");
    await once(usedPort, "listening");
  });
  after(() => usedPort.close());
  for (const [section, cases] of Object.entries(SECTIONS)) {
    for (const each of cases) it(`${section}: ${each.title}`, () => compareCase(each));
  }
});

it("has the options of Gunicorn that are not listed as missing, and its own", async () => {
  const { gunicorn, tunicorn } = await ofBoth(async (program) => flagsOf(program));
  const options = new Differences("option");
  const missing = gunicorn.filter((flag) => !tunicorn.includes(flag));
  const own = tunicorn.filter((flag) => !gunicorn.includes(flag));
  assert.deepEqual(missing, [...options.listed("gunicorn")].sort());
  assert.deepEqual(own, [...options.listed("tunicorn")].sort());
});

it("shows every documented difference of the command line", () => differences.assertAllOccurred());

after(cleanUp);

async function compareCase(each: Case): Promise<void> {
  const observed = await ofBoth((program) => observe(program, each));
  if (each.isUnlike === undefined) {
    differences.compare(observed, { ...each.differs, ...explained(observed) });
    return;
  }
  differences.compareUnlike(observed, each.isUnlike);
  const codes = PROGRAMS.map((program) => observed[program]["exit code"]);
  if (!each.exitsDifferently) assert.equal(codes[0], codes[1]);
}

/** What differs in many cases. */
function explained({ gunicorn, tunicorn }: Both<Observation>): Explanations {
  return {
    ...(gunicorn["end of stderr"] && { "end of stderr": "command line: end of an error" }),
    ...(tunicorn.steps && { steps: "command line: steps of a start that failed" }),
    ...(tunicorn.cause && { cause: "command line: cause of a failure" }),
  };
}

/** Those of the help: in each line that describes an option they stand before the description. */
async function flagsOf(program: Program): Promise<readonly string[]> {
  const running = new Running(program, ["--help"]);
  await running.waitForExit();
  const heads = running.stdout
    .lines()
    .flatMap((line) => /^ {2}(?<head>-.*?)(?: {2}|$)/.exec(line)?.groups?.head ?? []);
  return heads.flatMap((head) => head.match(/(?<!\S)--?[a-zA-Z][\w-]*/g) ?? []).sort();
}

const STEPS = /The start failed in step .*/;
const CAUSE = /Likely cause: .*/;

function withoutExplanations(text: string): string {
  return text
    .split("\n")
    .filter((line) => !STEPS.test(line) && !CAUSE.test(line))
    .join("\n");
}

async function observe(program: Program, each: Case): Promise<Observation> {
  const { words, env = {}, prepare, serves = false, restarts = false } = each;
  const directory = temporaryDirectory();
  prepare?.(directory);
  const port = String((usedPort.address() as AddressInfo).port);
  const running = new Running(
    program,
    words.map((word) => word.replace("DIR", directory).replace("USED", port)),
    { env },
  );
  const answer = serves ? await answerOf(running) : undefined;
  // One that does not start over is at its end.
  if (restarts) await running.stderr.count(/Booting worker/, 2).catch(() => []);
  const { code, signal } = serves || restarts ? await running.stop() : await running.waitForExit();
  const text = (raw: string): string =>
    comparableOutput(
      raw
        .replaceAll(directory, "DIR")
        .replaceAll(/ at 0x[0-9a-f]+(?=>)/g, " at ADDRESS")
        .replaceAll(new RegExp(`(?<=:|, )${port}\\b`, "g"), "PORT"),
    );
  return {
    answer,
    "exit code": `exit code ${code ?? signal}`,
    stdout: text(running.stdout.text),
    ...(each.failsBefore ? failureAspects : stderrAspects)(text(withoutExplanations(running.stderr.text))),
    steps: STEPS.exec(running.stderr.text)?.[0],
    cause: CAUSE.exec(running.stderr.text)?.[0],
  };
}

async function answerOf(running: Running): Promise<string | undefined> {
  const answer = await ask(
    await running.address(),
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  );
  return answer.final?.body;
}

/** Tries that are repeated are counted, and an empty line at the end is an aspect of its own. */
function stderrAspects(text: string): Observation {
  const tries = text.match(/^\[ERROR\] connection to /gm)?.length ?? 0;
  const lines = text.trimEnd().split("\n");
  return {
    stderr: (tries > 0 ? [...new Set(lines)] : lines).join("\n"),
    tries: `${tries} tries`,
    "end of stderr": text.endsWith("\n\n") ? "an empty line at the end" : undefined,
  };
}

function failureAspects(text: string): Observation {
  const lines = text.trimEnd().split("\n");
  return {
    error: lines.findLast((line) => /^[\w.]+: /.test(line))?.replace(/^[\w.]+\.(?=\w+:)/, ""),
    log: lines.filter((line) => line.startsWith("[")).join("\n"),
  };
}
