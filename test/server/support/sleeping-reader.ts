/**
 * A server whose stdout and stderr are one open file (`2>&1`) that nobody reads until the test asks for what has arrived.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { TestContext } from "node:test";
import { ask } from "../../support/client.ts";
import { temporaryDirectory } from "../../support/programs.ts";
import { eventually } from "../../support/wait.ts";
import { APPS, livingGroup, runDirectories } from "./server.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const PYTHON = join(ROOT, ".venv/bin/python");
const { O_RDWR, O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;

export const KINDS = ["pipe", "terminal", "Unix socket"] as const;
export type Kind = (typeof KINDS)[number];

/** What the server writes to, and the end at which nobody reads. */
interface Channel {
  /** For `spawn`. */
  readonly stdio: number | "pipe";
  /** What has arrived since the last call. */
  read(child: ChildProcess): Promise<string> | string;
  close(): void;
}

export class Unread {
  readonly pid: number;
  readonly path: string;
  readonly #child: ChildProcess;
  readonly #channel: Channel;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcess, channel: Channel, path: string) {
    this.#child = child;
    this.#channel = channel;
    this.pid = child.pid ?? 0;
    this.path = path;
    this.#exit = once(child, "exit");
  }

  /** Ready when it answers. */
  static async start(t: TestContext, kind: Kind, words: readonly string[], cwd = APPS): Promise<Unread> {
    const channel = await newChannel(t, kind);
    const path = join(temporaryDirectory(), "socket");
    const all = ["-c", 'exec "$0" "$@" 2>&1', join(ROOT, "bin/tunicorn"), "--bind", `unix:${path}`, ...words];
    const child = spawn("/bin/sh", all, {
      cwd,
      env: { PATH: process.env.PATH, VIRTUAL_ENV: join(ROOT, ".venv"), TERM: "dumb", TZ: "UTC" },
      stdio: ["ignore", channel.stdio, "ignore"],
      detached: true,
    });
    const server = new Unread(child, channel, path);
    t.after(() => server.#seeOut());
    await eventually(() => server.isAnswering());
    return server;
  }

  async isAnswering(target = "/"): Promise<boolean> {
    try {
      return /^HTTP\/1\.1 200/.test((await this.get(target)) ?? "");
    } catch {
      return false;
    }
  }

  /** The status line. */
  async get(target: string): Promise<string | undefined> {
    const text = `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    return (await ask({ path: this.path }, text)).final?.statusLine;
  }

  read(): Promise<string> | string {
    return this.#channel.read(this.#child);
  }

  /** The reader is gone. */
  hangUp(): void {
    this.#channel.close();
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Sends the signal, and returns the exit code and how long it took, ms. */
  async stop(name: NodeJS.Signals): Promise<{ readonly code: number | null; readonly ms: number }> {
    const began = performance.now();
    this.signal(name);
    await this.#exit;
    return { code: this.#child.exitCode, ms: performance.now() - began };
  }

  async #seeOut(): Promise<void> {
    const isRunning = this.#child.exitCode === null && this.#child.signalCode === null;
    if (isRunning) {
      for (const pid of livingGroup(this.pid)) process.kill(pid, "SIGKILL");
      await this.#exit;
    } else {
      assert.deepEqual(livingGroup(this.pid), [], "processes were left behind");
      assert.deepEqual(runDirectories(this.pid), [], "a run directory was left behind");
    }
    this.#channel.close();
  }
}

function newChannel(t: TestContext, kind: Kind): Channel | Promise<Channel> {
  switch (kind) {
    case "pipe":
      return newPipe();
    case "terminal":
      return newTerminal(t);
    case "Unix socket":
      return newSocket();
    default:
      return kind satisfies never;
  }
}

function newPipe(): Channel {
  const path = join(temporaryDirectory(), "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, O_RDWR | O_NONBLOCK);
  const readOnly = openSync(path, constants.O_RDONLY | O_NONBLOCK);
  const writer = openSync(path, O_WRONLY);
  closeSync(reader);
  const buffer = Buffer.alloc(1024 * 1024);
  let isOpen = true;
  return {
    stdio: writer,
    read: () => readAvailable(readOnly, buffer),
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      for (const fd of [readOnly, writer]) closeSync(fd);
    },
  };
}

function readAvailable(fd: number, buffer: Buffer): string {
  let text = "";
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) return text;
      text += buffer.toString("utf8", 0, length);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return text;
    }
  }
}

async function newTerminal(t: TestContext): Promise<Channel> {
  const helper = spawn(PYTHON, [join(import.meta.dirname, "terminal.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => helper.kill());
  const lines = createInterface(helper.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value as string;
  const fd = openSync(await next(), O_RDWR | O_NOCTTY);
  return {
    stdio: fd,
    read: async () => {
      helper.stdin.write("\n");
      return JSON.parse(await next()) as string;
    },
    close: () => {
      helper.kill();
    },
  };
}

/** Node gives a child a socket where it says pipe. */
function newSocket(): Channel {
  return {
    stdio: "pipe",
    read: async ({ stdout }) => {
      let text = "";
      const onData = (data: Buffer): void => {
        text += data;
      };
      stdout?.on("data", onData).resume();
      // What has arrived is read in this turn of the event loop or the next.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      stdout?.off("data", onData);
      stdout?.pause();
      return text;
    },
    close: () => {},
  };
}
