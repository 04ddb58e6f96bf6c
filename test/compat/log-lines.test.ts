/**
 * The lines of the error log beside real Gunicorn's, from the start to the end of both: which process says what, in
 * which order, for every signal and every way in which a worker can end.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Address, Client, maybeAnswer } from "../support/client.ts";
import { cleanUp, ofBoth, type Program, Running, temporaryDirectory } from "../support/programs.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";
import { type SpokenLine, spokenLines } from "./support/printed-text.ts";

interface Server {
  readonly running: Running;
  readonly directory: string;
  readonly address: Address;
}

interface Scenario {
  readonly title: string;
  /** DIR stands for a directory that the program has for itself. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Prepares the directory. */
  readonly prepare?: (directory: string) => void;
  /** It leaves by itself, and is not told to. */
  readonly ends?: true;
  /** What happens once it serves. What is returned is compared too. */
  readonly act?: (server: Server) => Promise<string>;
  /** Two processes speak at the same time: the order is compared for each of them alone. */
  readonly isRacing?: true;
  readonly differs?: Explanations;
  readonly isUnlike?: string;
}

const differences = new Differences("log");

/** The gateway tells the client and the log. */
const LOST: Explanations = {
  outcome: "log: worker that dies in a request",
  other: "log: worker that dies in a request",
};

/** Another worker is ready before it leaves. */
const REPLACED = { isRacing: true, differs: { arbiter: "log: SIGTERM of a worker" } } as const;

const SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGHUP"] as const;

const SCENARIOS: readonly Scenario[] = [
  {
    title: "a request longer than timeout",
    words: ["--timeout", "1"],
    act: exceedTimeout,
    isUnlike: "log: request longer than timeout",
  },
  {
    title: "a request longer than timeout in a worker with threads",
    words: ["--threads", "2", "--timeout", "2"],
    act: (server) => statusOf(server, "/nap"),
  },
  { title: "start and TERM" },
  { title: "INT", ends: true, act: (server) => tell(server, "SIGINT", "int") },
  { title: "QUIT", ends: true, act: (server) => tell(server, "SIGQUIT", "quit") },
  { title: "several workers", words: ["--workers", "2"], isRacing: true },
  { title: "several workers by WEB_CONCURRENCY", env: { WEB_CONCURRENCY: "2" }, isRacing: true },
  { title: "threads", words: ["--threads", "2"] },
  { title: "several addresses", words: ["--bind", "127.0.0.1:0", "--bind", "unix:DIR/socket"] },
  { title: "--preload", words: ["--preload"] },
  { title: "log level debug", words: ["--log-level", "debug"], isUnlike: "log: level debug" },
  { title: "log level warning", words: ["--log-level", "warning", "--bind", "unix:DIR/socket"] },
  { title: "HUP", isRacing: true, act: reload, differs: { arbiter: "log: HUP" } },
  { title: "TTIN", act: addWorker, isRacing: true },
  { title: "TTIN and TTOU", act: addAndRemoveWorker, isRacing: true },
  { title: "TTOU of the last worker", act: (server) => tell(server, "SIGTTOU", "ttou") },
  { title: "USR1", act: (server) => tell(server, "SIGUSR1", "usr1") },
  { title: "WINCH", act: windowChange, differs: { log: "log: WINCH" } },
  { title: "USR2", act: upgrade, isRacing: true, differs: { arbiter: "log: USR2" } },
  ...SIGNALS.map((signal) => ({
    title: `${signal} of a worker`,
    act: (server: Server) => endWorker(server, signal),
    ...(signal === "SIGTERM" ? REPLACED : {}),
  })),
  {
    title: "a worker that leaves in a request",
    act: (server) => loseWorker(server, "/leave"),
    isRacing: true,
    differs: LOST,
  },
  {
    title: "a worker that is killed in a request",
    act: (server) => loseWorker(server, "/die"),
    isRacing: true,
    differs: LOST,
  },
  {
    title: "a request that is in work at TERM",
    words: ["--env", "FIFO=DIR/fifo"],
    ends: true,
    act: leaveWhileAnswering,
  },
  {
    title: "HUP when the application cannot be imported any more",
    words: ["--env", "BROKEN=DIR/broken"],
    act: reloadBroken,
    isUnlike: "log: HUP with a broken application",
  },
  {
    title: "HUP when the configuration file is broken",
    words: ["--config", "DIR/settings.py"],
    prepare: (directory) => writeFileSync(join(directory, "settings.py"), ""),
    act: reloadBrokenSettings,
    isUnlike: "log: HUP with a broken configuration file",
  },
  {
    title: "requests that are refused one after the other",
    act: refuseAgainAndAgain,
    isUnlike: "log: requests refused one after the other",
  },
  {
    title: "the control socket",
    env: { HOME: "DIR" },
    act: waitForControlSocket,
    differs: { log: "log: control socket" },
  },
];

describe("the error log", { concurrency: 4 }, () => {
  for (const scenario of SCENARIOS) it(scenario.title, () => compareScenario(scenario));
});

it("shows every documented difference of the error log", () => differences.assertAllOccurred());

after(cleanUp);

async function compareScenario(scenario: Scenario): Promise<void> {
  const observed = await ofBoth((program) => observe(program, scenario));
  if (scenario.isUnlike !== undefined) differences.compareUnlike(observed, scenario.isUnlike);
  else differences.compare(observed, scenario.differs);
}

async function observe(program: Program, scenario: Scenario): Promise<Observation> {
  const { words = [], env = {}, act, ends, isRacing } = scenario;
  const directory = temporaryDirectory();
  scenario.prepare?.(directory);
  const place = (text: string): string => text.replace("DIR", directory);
  const bind = words.includes("--bind") ? [] : ["--bind", "127.0.0.1:0"];
  const placedEnv = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, place(value)]));
  const running = new Running(program, [...bind, ...words, "announcing"].map(place), { env: placedEnv });
  const server = { running, directory, address: await addressOf(running, words, directory) };
  await serve(server, words.includes("--workers") || "WEB_CONCURRENCY" in env ? 2 : 1);
  const outcome = await act?.(server);
  const { code, signal } = ends ? await running.waitForExit() : await running.stop();
  const lines = spokenLines(running.stderr.text.replaceAll(directory, "DIR"), running.pid).filter(isNoRace);
  return {
    outcome,
    "exit code": `exit code ${code ?? signal}`,
    ...(isRacing ? separately(lines) : together(lines)),
  };
}

/** With one Unix socket it is known without the log. */
async function addressOf(running: Running, words: readonly string[], directory: string): Promise<Address> {
  return words.at(-1) === "unix:DIR/socket" ? { path: join(directory, "socket") } : running.address();
}

/** Gunicorn tells a worker to leave more than once; now and then one is told while Python ends, and dies of it. */
function isNoRace({ text }: SpokenLine): boolean {
  return !/^\[INFO\] Worker \(pid:.*\) was sent SIGTERM!$/.test(text);
}

function together(lines: readonly SpokenLine[]): Observation {
  return { log: lines.map(({ speaker, text }) => `${speaker}: ${text}`).join("\n") };
}

function separately(lines: readonly SpokenLine[]): Observation {
  const speakers = Map.groupBy(lines, ({ speaker }) => speaker);
  return Object.fromEntries(
    [...speakers].map(([speaker, said]) => [speaker, said.map(({ text }) => text).join("\n")]),
  );
}

// What happens in the scenarios

const IMPORTED = /^imported by/;
const BOOTING = /Booting worker with pid: (\d+)/;

/** So many workers have got so far that they hear signals, and a request is answered. */
async function serve(server: Server, workers: number): Promise<void> {
  await server.running.stdout.count(IMPORTED, workers);
  await statusOf(server, "/");
}

function requestFor(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
}

/** Up to the end of the connection, because a sync worker that is not idle yet hears signals in the midst of its work. */
async function statusOf({ address }: Server, path: string): Promise<string> {
  const client = await Client.connect(address);
  client.send(requestFor(path));
  const { final } = await maybeAnswer(client, "GET");
  await client.rest();
  client.close();
  return final?.statusLine ?? "no response";
}

async function firstWorker({ running }: Server): Promise<number> {
  return Number(BOOTING.exec(await running.stderr.find(BOOTING))?.[1]);
}

/** Until the arbiter has reaped it: a signal before that would find it in the middle of its end. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(5);
  }
}

async function tell({ running }: Server, signal: NodeJS.Signals, name: string): Promise<string> {
  running.signal(signal);
  await running.stderr.find(new RegExp(`Handling signal: ${name}$`));
  return "";
}

async function windowChange(server: Server): Promise<string> {
  if (server.running.program === "gunicorn") return tell(server, "SIGWINCH", "winch");
  server.running.signal("SIGWINCH");
  return "";
}

async function reload(server: Server): Promise<string> {
  const old = await firstWorker(server);
  server.running.signal("SIGHUP");
  await untilGone(old);
  await serve(server, 2);
  return "";
}

async function addWorker(server: Server): Promise<string> {
  server.running.signal("SIGTTIN");
  await serve(server, 2);
  return "";
}

async function addAndRemoveWorker(server: Server): Promise<string> {
  const oldest = await firstWorker(server);
  await addWorker(server);
  server.running.signal("SIGTTOU");
  await untilGone(oldest);
  return statusOf(server, "/");
}

async function endWorker(server: Server, signal: NodeJS.Signals): Promise<string> {
  process.kill(await firstWorker(server), signal);
  await serve(server, 2);
  return "";
}

async function loseWorker(server: Server, path: string): Promise<string> {
  const status = await statusOf(server, path);
  await serve(server, 2);
  return status;
}

async function exceedTimeout(server: Server): Promise<string> {
  if (server.running.program === "gunicorn") return loseWorker(server, "/sleep");
  const status = await statusOf(server, "/sleep");
  await server.running.stderr.find(/past timeout:$/);
  return status;
}

/** Starts a second arbiter, which has to go as well. */
async function upgrade(server: Server): Promise<string> {
  const { running } = server;
  const handled = await tell(server, "SIGUSR2", "usr2");
  const lines = await running.stderr.count(/Starting (gun|tun)icorn/, 2);
  const line = lines.findLast((each) => /Starting (gun|tun)icorn/.test(each));
  await running.stdout.count(IMPORTED, 2);
  process.kill(Number(/\] \[(\d+)\]/.exec(line ?? "")?.[1]), "SIGTERM");
  await running.stderr.find(
    running.program === "gunicorn" ? /Shutting down: Master\.2/ : /The second arbiter/,
  );
  return handled;
}

/** The request is in the application when the other end of its FIFO can be opened. */
async function leaveWhileAnswering({ running, directory, address }: Server): Promise<string> {
  const path = join(directory, "fifo");
  execFileSync("mkfifo", [path]);
  const client = await Client.connect(address);
  client.send(requestFor("/fifo"));
  const fifo = await open(path, "w");
  running.signal("SIGTERM");
  await running.stderr.find(/Handling signal: term/);
  await fifo.close();
  const { final } = await maybeAnswer(client, "GET");
  client.close();
  return `${final?.statusLine} ${final?.body}`;
}

/** Gunicorn leaves, Tunicorn answers on. */
async function reloadBroken(server: Server): Promise<string> {
  const { running, directory } = server;
  writeFileSync(join(directory, "broken"), "");
  running.signal("SIGHUP");
  await running.stderr.find(/Reload failed|Shutting down: Master/);
  if (running.program === "tunicorn") return statusOf(server, "/");
  await running.waitForExit();
  return "gone";
}

async function reloadBrokenSettings(server: Server): Promise<string> {
  const { running, directory } = server;
  writeFileSync(join(directory, "settings.py"), "workers = []");
  running.signal("SIGHUP");
  await running.stderr.find(/Reload failed|^Error: /);
  if (running.program === "tunicorn") return statusOf(server, "/");
  await running.waitForExit();
  return "gone";
}

const REFUSED = 5;

/** How it is told: one line a second is a matter of time, which no test should be. */
async function refuseAgainAndAgain({ running, address }: Server): Promise<string> {
  for (let nr = 0; nr < REFUSED; nr++) {
    const client = await Client.connect(address);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${"n".repeat(500)} : v\r\n\r\n`);
    await client.rest();
    client.close();
  }
  const last = running.program === "gunicorn" ? /n{500}/ : /more invalid request/;
  await running.stderr.count(last, running.program === "gunicorn" ? REFUSED : 1);
  const lines = running.stderr.lines().filter((line) => /Invalid request from/.test(line));
  const count = lines.length === REFUSED ? "a line each" : "fewer lines";
  return `${count}, cut: ${lines.every((line) => line.endsWith("…"))}`;
}

async function waitForControlSocket({ running }: Server): Promise<string> {
  if (running.program === "gunicorn") await running.stderr.find(/Control socket listening/);
  return "";
}
