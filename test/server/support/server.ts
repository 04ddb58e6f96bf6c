/**
 * A Tunicorn for one test: started, waited for, stopped, and looked after: whatever the test did to it, it must end with the
 * expected exit code and leave no process, no directory and no unexpected line behind.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Address, Client, maybeAnswer, type Response } from "../../support/client.ts";
import { Running, type Surroundings } from "../../support/programs.ts";
import { eventually } from "../../support/wait.ts";

export const APPS = join(import.meta.dirname, "../apps");

/** Lines that no test expects unless it says so. */
const TROUBLE = /\[(ERROR|CRITICAL)\]|Traceback|^Error: /;

export interface Expectations extends Surroundings {
  /** Lines of TROUBLE that belong to the test. */
  readonly trouble?: RegExp;
  readonly exitCode?: number;
  /** How many workers to wait for before the test goes on. */
  readonly workers?: number;
}

export class Server {
  readonly running: Running;
  readonly address: Address;

  private constructor(running: Running, address: Address) {
    this.running = running;
    this.address = address;
  }

  /** Ready when every worker has begun to boot and the first has answered a request. */
  static async start(t: TestContext, words: readonly string[], expected: Expectations = {}): Promise<Server> {
    const running = launch(t, ["--bind", "127.0.0.1:0", ...words], expected);
    const address = await running.address();
    await running.stderr.count(/Booting worker/, expected.workers ?? 1);
    const server = new Server(running, address);
    await server.get("/");
    return server;
  }

  get pid(): number {
    return this.running.pid;
  }

  get log(): string {
    return this.running.stderr.text;
  }

  /** Pids of all workers ever booted, in order. */
  get booted(): number[] {
    return [...this.log.matchAll(/Booting worker with pid: (\d+)/g)].map((match) => Number(match[1]));
  }

  signal(name: NodeJS.Signals): void {
    this.running.signal(name);
  }

  /** The pid of a process of this instance, by its command line. */
  async child(commandLine: RegExp): Promise<number> {
    await eventually(() => this.children(commandLine).length > 0);
    return this.children(commandLine)[0] as number;
  }

  /** The pids of those that live now. */
  children(commandLine: RegExp): number[] {
    return livingGroup(this.pid).filter((pid) => commandLine.test(commandLineOf(pid)));
  }

  parentOf(pid: number): number {
    return Number(statOf(String(pid))[1]);
  }

  /** Scheduled as SCHED_BATCH (proc_pid_stat(5), field 41). */
  isBatch(pid: number): boolean {
    return statOf(String(pid))[38] === "3";
  }

  connect(): Promise<Client> {
    return Client.connect(this.address);
  }

  /** One GET on a connection of its own. */
  async get(path: string): Promise<Response> {
    return this.request(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  }

  /** One request on a connection of its own; it must be answered. */
  async request(text: string): Promise<Response> {
    const client = await this.connect();
    client.send(text);
    const { final } = await maybeAnswer(client, text.slice(0, text.indexOf(" ")));
    client.close();
    assert.ok(final, `no answer to ${text.slice(0, 60)}; log:\n${this.log}`);
    return final;
  }
}

/** Starts it, waits for nothing, and sees it out. */
export function launch(t: TestContext, words: readonly string[], expected: Expectations = {}): Running {
  const running = new Running("tunicorn", words, { cwd: APPS, ...expected });
  t.after(() => seeOut(running, expected));
  return running;
}

export function status(response: Response | undefined): number {
  return Number(response?.statusLine.split(" ")[1] ?? 0);
}

/** Processes of the group that `pid` leads, which has everything it has started; zombies are gone for us. */
export function livingGroup(pid: number): number[] {
  const living: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [state, , group] = statOf(name);
    if (group === String(pid) && state !== "Z") living.push(Number(name));
  }
  return living;
}

/** The fields of /proc/PID/stat behind the name; empty when the process has just gone. */
function statOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
  } catch {
    return [];
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** Directories an instance with this pid would have made. */
export function runDirectories(pid: number): string[] {
  return ["/dev/shm", tmpdir()].flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => new RegExp(`^tunicorn-\\d+-\\d+-${pid}-`).test(name))
      .map((name) => join(parent, name)),
  );
}

async function seeOut(running: Running, expected: Expectations): Promise<void> {
  const { code, signal } = await running.stop();
  const log = running.stderr.text;
  if (signal !== "SIGKILL") {
    assert.equal(code, expected.exitCode ?? 0, `exit code; log:\n${log}`);
    assert.deepEqual(runDirectories(running.pid), [], "a run directory was left behind");
  }
  assert.deepEqual(livingGroup(running.pid), [], `processes were left behind; log:\n${log}`);
  const unexpected = running.stderr
    .lines()
    .filter((line) => TROUBLE.test(line) && expected.trouble?.test(line) !== true);
  assert.deepEqual(unexpected, [], `unexpected lines; log:\n${log}`);
}
