import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, chownSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { LogChannel, type LogRecord } from "../../../src/logging/log-channel.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY } from "../../support/other-users.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const record = (message: string): LogRecord => ({ type: "error", level: "info", message, pid: 1, time: 0 });
const messageOf = (each: LogRecord): string => (each.type === "error" ? each.message : each.type);

interface Reader {
  readonly path: string;
  readonly server: Server;
  readonly messages: string[];
  /** Resolves when this message has come. */
  until(message: string): Promise<void>;
}

async function reader(t: TestContext): Promise<Reader> {
  const path = join(temporaryDirectory(), "log");
  const messages: string[] = [];
  let wake = (): void => {};
  const server = createServer((socket) => {
    let rest = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      messages.push(...lines.map((line) => messageOf(JSON.parse(line))));
      wake();
    });
  });
  server.listen(path);
  await once(server, "listening");
  t.after(() => server.close());
  const until = async (message: string): Promise<void> => {
    while (!messages.includes(message)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { path, server, messages, until };
}

/** A channel, and what it hands back. */
function channel(): { channel: LogChannel; undelivered: string[]; dropped: number[] } {
  const undelivered: string[] = [];
  const dropped: number[] = [];
  const made = new LogChannel(null, (records, count) => {
    undelivered.push(...records.map(messageOf));
    dropped.push(count);
  });
  return { channel: made, undelivered, dropped };
}

const ended = (each: LogChannel): Promise<void> => new Promise((resolve) => each.end(resolve));

describe("the channel to the log process", () => {
  it("keeps lines until there is one, and their order", async (t) => {
    const { path, messages, until } = await reader(t);
    const { channel: made, undelivered } = channel();
    made.send(record("one"));
    made.send(record("two"));
    made.connectTo(path);
    made.send(record("three"));
    await until("three");
    made.send(record("four"));
    await ended(made);
    assert.deepEqual(messages, ["one", "two", "three", "four"]);
    assert.deepEqual(undelivered, []);
  });

  it("goes on with another one, and what was sent before arrives at the one before", async (t) => {
    const first = await reader(t);
    const second = await reader(t);
    const { channel: made } = channel();
    made.connectTo(first.path);
    made.send(record("one"));
    await first.until("one");
    made.send(record("two"));
    made.connectTo(second.path);
    made.send(record("three"));
    await second.until("three");
    await first.until("two");
    await ended(made);
    assert.deepEqual([first.messages, second.messages], [["one", "two"], ["three"]]);
  });

  it("hands back what waits when there is none at the end", async () => {
    const { channel: made, undelivered } = channel();
    made.send(record("one"));
    await ended(made);
    assert.deepEqual(undelivered, ["one"]);
  });

  it("hands lines back when it has looked for one in vain", async () => {
    const { channel: made, undelivered } = channel();
    made.connectTo(join(temporaryDirectory(), "nobody"));
    made.send(record("one"));
    // Nothing else keeps the process running.
    const timer = setInterval(() => {}, 1000);
    while (undelivered.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(timer);
    made.send(record("two"));
    assert.deepEqual(undelivered, ["one", "two"]);
  });

  it("does not keep more than it may, and counts what it drops", () => {
    const { channel: made, undelivered, dropped } = channel();
    for (let nr = 0; nr < 20; nr++) made.send(record(`${nr}${"x".repeat(1024 * 1024)}`));
    made.giveUp();
    assert.equal(undelivered.length + (dropped[0] ?? 0), 20);
    assert.equal(undelivered.length, 15);
  });
});

it("root does not connect where the user has put a link to", { skip: NEEDS_ROOT }, async (t) => {
  const roots = await reader(t);
  chmodSync(dirname(roots.path), 0o755);
  chmodSync(roots.path, 0o600);
  const directory = temporaryDirectory();
  chownSync(directory, NOBODY, NOBODY);
  as(NOBODY, "ln", "-s", roots.path, join(directory, "log"));
  let connections = 0;
  roots.server.on("connection", () => connections++);
  const undelivered = await new Promise<number>((resolve) => {
    const made = new LogChannel(IDENTITY, (records) => resolve(records.length));
    made.connectTo(join(directory, "log"));
    made.send(record("one"));
  });
  assert.deepEqual([undelivered, connections], [1, 0]);
  // As root it would have come through.
  const { channel: made } = channel();
  made.connectTo(join(directory, "log"));
  made.send(record("two"));
  await roots.until("two");
  await ended(made);
});
