/**
 * Configuration files as people have them (test/compat/configs) beside real Gunicorn: they start, serve, say the same
 * and end as there.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ask } from "../support/client.ts";
import { cleanUp, ofBoth, type Program, Running, temporaryDirectory } from "../support/programs.ts";
import { spokenLines } from "./support/printed-text.ts";

const CONFIGS = join(import.meta.dirname, "configs");
const FILES = readdirSync(CONFIGS).filter((name) => name.endsWith(".py"));

/** Of the environments that the files look at. */
const ENVIRONMENT = {
  PORT: "1",
  WEB_CONCURRENCY: "1",
  HOSTNAME_FOR_TEST: "test",
  SERVER_SETTING_WORKERS: "2",
  SERVER_SETTING_RAW_ENV: "GREETING=prefix",
};

const REQUESTS = [
  "GET /a?b=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Forwarded-Proto: https\r\n\r\n",
  "GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-ID: given\r\n\r\n",
  "GET /broken HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  `GET /${"long".repeat(30)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
];

/** What only one of them says: Tunicorn that a setting has no effect, Gunicorn where its control socket is. */
const OWN = /has no effect|Traceback|^ {2}|^\[\w+\] Worker .*was sent SIGTERM|^ValueError/;

const TRIES = 3;

interface Outcome {
  readonly answers: readonly string[];
  readonly stdout: readonly string[];
  readonly log: readonly string[];
  readonly code: number | null;
}

describe("a configuration", { concurrency: 3 }, () => {
  for (const file of FILES) {
    it(`is served as by Gunicorn: ${file}`, async () => {
      const { gunicorn, tunicorn } = await ofBoth((program) => serveToTheEnd(program, file));
      assert.deepEqual(tunicorn, gunicorn);
      assert.equal(gunicorn.code, 0);
    });
  }

  it("is there a dozen times", () => assert.ok(FILES.length >= 12));
});

after(cleanUp);

/** A worker of Gunicorn loses a TERM that comes while it boots; then the whole server has to be killed, and shows nothing. */
async function serveToTheEnd(program: Program, file: string): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await serve(program, file);
    if (program === "tunicorn" || outcome.code !== null || tries === TRIES) return outcome;
  }
}

async function serve(program: Program, file: string): Promise<Outcome> {
  const directory = temporaryDirectory();
  const env = { ...ENVIRONMENT, DIRECTORY: directory };
  const words = ["-c", join(CONFIGS, file), "--bind", "127.0.0.1:0"];
  const app = file === "project.py" ? [] : ["configured"];
  const running = new Running(program, [...words, ...app], { env });
  const address = await running.address();
  const answers: string[] = [];
  for (const request of REQUESTS) {
    const { final } = await ask(address, request);
    answers.push(`${final?.statusLine} ${final?.body}`);
  }
  const { code } = await running.stop();
  // Which process says something, and when, is chance, or the servers differ in it.
  const log = spokenLines(running.stderr.text.replaceAll(directory, "DIR"), running.pid)
    .map(({ text }) => text.replaceAll(/worker \d+/g, "worker N"))
    .filter((line) => !OWN.test(line))
    .sort();
  return { answers, stdout: running.stdout.lines().toSorted(), log, code };
}
