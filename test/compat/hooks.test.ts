/**
 * The hooks of a configuration file beside real Gunicorn's: each notes its call, in which process and with what, and
 * the notes of both are compared.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Address, ask } from "../support/client.ts";
import { cleanUp, ofBoth, type Program, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";

const CONFIGURATION = join(import.meta.dirname, "apps/every_hook_settings.py");
const differences = new Differences("hooks");

class Noted {
  readonly running: Running;
  readonly address: Address;
  readonly #file: string;

  private constructor(running: Running, address: Address, file: string) {
    this.running = running;
    this.address = address;
    this.#file = file;
  }

  static launch(
    program: Program,
    failing = "",
    words: readonly string[] = [],
  ): { running: Running; file: string } {
    const file = join(temporaryDirectory(), "notes");
    const env = { HOOKS: file, FAILING: failing };
    const all = ["--config", CONFIGURATION, "--bind", "127.0.0.1:0", ...words, "responder"];
    return { running: new Running(program, all, { env }), file };
  }

  static async start(program: Program, failing = ""): Promise<Noted> {
    const { running, file } = Noted.launch(program, failing);
    const noted = new Noted(running, await running.address(), file);
    await noted.has(/post_worker_init/);
    return noted;
  }

  get text(): string {
    return existsSync(this.#file) ? readFileSync(this.#file, "utf8") : "";
  }

  async has(pattern: RegExp): Promise<void> {
    await eventually(() => pattern.test(this.text)).catch(() => {
      throw new Error(
        `${this.running.program} noted no ${pattern}, but:\n${this.text}\n${this.running.stderr.text}`,
      );
    });
  }

  async request(text: string): Promise<string> {
    return (await ask(this.address, text)).final?.statusLine ?? "no response";
  }

  worker(age: number): number {
    const booted = [...this.running.stderr.text.matchAll(/Booting worker with pid: (\d+)/g)];
    return Number(booted[age - 1]?.[1]);
  }

  async leave(signal: NodeJS.Signals): Promise<Observation> {
    this.running.signal(signal);
    const exit = await this.running.waitForExit();
    return observation(this.text, exit.code);
  }
}

/** By process, because two of them speak at the same time. */
function observation(text: string, code: number | null): Observation {
  const lines = Map.groupBy(text.trimEnd().split("\n"), (line) => line.split(":", 1)[0] ?? "");
  const notes = [...lines].map(([process, said]) => [process, said.join("\n")]);
  return { ...Object.fromEntries(notes), "exit code": `exit code ${code}` };
}

const GET = "GET /hello?a=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Twice: 1\r\n\r\n";
const POST =
  "POST /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody";

type Act = (noted: Noted) => Promise<Observation>;

const SCENARIOS: Readonly<Record<string, { readonly act: Act; readonly differs?: Explanations }>> = {
  "start, requests and TERM": {
    act: async (noted) => {
      const answers = [await noted.request(GET), await noted.request(POST)];
      await noted.has(/post_request.*POST/);
      return { ...(await noted.leave("SIGTERM")), answers: answers.join("\n") };
    },
  },
  "a request that fails": {
    act: async (noted) => {
      const answer = await noted.request("GET /raising HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      await noted.has(/post_request/);
      return { ...(await noted.leave("SIGTERM")), answer };
    },
  },
  INT: { act: (noted) => noted.leave("SIGINT") },
  "HUP, TTIN, TTOU": {
    act: async (noted) => {
      noted.running.signal("SIGHUP");
      await noted.has(/child_exit/);
      await noted.has(/worker 2: post_worker_init/);
      noted.running.signal("SIGTTIN");
      await noted.has(/worker 3: post_worker_init/);
      noted.running.signal("SIGTTOU");
      await noted.has(/child_exit.*\n(.*\n)*.*child_exit/);
      return noted.leave("SIGTERM");
    },
  },
  "ABRT of a worker": {
    act: async (noted) => {
      process.kill(noted.worker(1), "SIGABRT");
      await noted.has(/child_exit/);
      await noted.has(/worker 2: post_worker_init/);
      return noted.leave("SIGTERM");
    },
  },
};

describe("the hooks", { concurrency: 3 }, () => {
  for (const [title, { act, differs }] of Object.entries(SCENARIOS)) {
    it(`are called as by Gunicorn: ${title}`, async () => {
      const observed = await ofBoth(async (program) => act(await Noted.start(program)));
      differences.compare(observed, differs);
    });
  }
});

/** What is done so that the hook is called, besides starting; null when it ends by itself. */
const FAILURES: Readonly<Record<string, Act | null>> = {
  on_starting: null,
  when_ready: null,
  nworkers_changed: null,
  pre_fork: null,
  post_fork: null,
  post_worker_init: null,
  pre_request: async (noted) => ({ answer: await noted.request(GET), ...(await noted.leave("SIGTERM")) }),
  post_request: async (noted) => ({ answer: await noted.request(GET), ...(await noted.leave("SIGTERM")) }),
  worker_exit: (noted) => noted.leave("SIGTERM"),
  on_exit: (noted) => noted.leave("SIGTERM"),
  worker_abort: async (noted) => {
    process.kill(noted.worker(1), "SIGABRT");
    await noted.has(/worker 2: post_worker_init/);
    return noted.leave("SIGTERM");
  },
  child_exit: async (noted) => {
    process.kill(noted.worker(1), "SIGKILL");
    return observation("", (await noted.running.waitForExit()).code);
  },
};

/** Exit code, answer, and the lines of the error log that tell of it. */
async function fail(program: Program, name: string, act: Act | null): Promise<Observation> {
  if (act !== null) {
    const noted = await Noted.start(program, name);
    const { answer, "exit code": code } = await act(noted);
    return { answer, "exit code": code, told: told(noted.running) };
  }
  const { running } = Noted.launch(program, name);
  const { code } = await running.waitForExit();
  return { "exit code": `exit code ${code}`, told: told(running) };
}

function told({ stderr }: Running): string {
  return stderr.text.includes(" fails") ? "told" : "not told";
}

describe("a hook that raises", { concurrency: 3 }, () => {
  for (const [name, act] of Object.entries(FAILURES)) {
    it(`does what it does in Gunicorn: ${name}`, async () => {
      const observed = await ofBoth((program) => fail(program, name, act));
      differences.compare(observed, FAILS_DIFFERENTLY[name]);
    });
  }
});

const FAILS_DIFFERENTLY: Readonly<Record<string, Explanations>> = {};

it("shows every documented difference of the hooks", () => differences.assertAllOccurred());

after(cleanUp);
assert.ok(existsSync(CONFIGURATION));
