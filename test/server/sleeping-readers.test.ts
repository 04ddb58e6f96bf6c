/**
 * Logs whose reader sleeps, is gone, or has no room: the server goes on, and stops in time.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ask, Client, maybeAnswer } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { launch, livingGroup } from "./support/server.ts";
import { KINDS, Unread } from "./support/sleeping-reader.ts";
import { NO_SMALL_DISK, smallDisk, unmountAll } from "./support/small-disk.ts";

after(() => {
  unmountAll();
  return cleanUp();
});

/** Nearly as long as a request line may be. */
const PADDING = "x".repeat(3900);
/** What a stuck write might cost: `graceful_timeout` is 30 s. */
const IN_TIME_MS = 15_000;

const isRoot = process.getuid?.() === 0;
const ACCESS = ["--access-logfile", "-", "--access-logformat", "<%(q)s>"];

/** Sends so many requests with long targets; the access log is ten times as long as anybody holds for a reader. */
async function fill(server: Unread, count: number): Promise<void> {
  const client = await Client.connect({ path: server.path });
  for (let nr = 0; nr < count; nr++) {
    client.send(`GET /?${nr}:${PADDING} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const { final } = await maybeAnswer(client, "GET");
    assert.match(final?.statusLine ?? "", / 200 /);
  }
  client.close();
}

/** Where every user may read it: that may not be so of the checkout. */
function plainApplication(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  writeFileSync(
    join(directory, "plain.py"),
    `def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []
`,
  );
  return directory;
}

/** Of the descriptors 1 and 2 of every process of the server. */
function isNonBlocking(server: Unread): string[] {
  const O_NONBLOCK = 0o4000;
  return livingGroup(server.pid).flatMap((pid) =>
    [1, 2]
      .filter((fd) => {
        const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
        return (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0;
      })
      .map((fd) => `${pid}: ${fd}`),
  );
}

for (const kind of KINDS) {
  describe(`a ${kind} that nobody reads`, () => {
    it("stays blocking for every process, and costs no request and no line once it is read", async (t) => {
      const server = await Unread.start(t, kind, [...ACCESS, "basics"]);
      assert.deepEqual(isNonBlocking(server), []);
      await fill(server, 200);
      assert.equal(await server.isAnswering(), true);
      assert.deepEqual(isNonBlocking(server), []);
      let text = "";
      await eventually(async () => {
        text += await server.read();
        return text.includes("<199:");
      });
      const numbers = [...text.matchAll(/^<(\d+):x{3900}>$/gm)].map((match) => Number(match[1]));
      assert.deepEqual(numbers, [...numbers.keys()]);
      assert.equal(numbers.length, 200);
      assert.equal((await server.stop("SIGTERM")).code, 0);
    });

    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      it(`does not delay a stop by ${signal}, nor change its exit code`, async (t) => {
        const server = await Unread.start(t, kind, [...ACCESS, "--workers", "2", "basics"]);
        await fill(server, 200);
        server.signal("SIGUSR1");
        assert.equal(await server.isAnswering(), true);
        const { code, ms } = await server.stop(signal);
        assert.equal(code, 0);
        assert.ok(ms < IN_TIME_MS, `it took ${ms} ms`);
      });
    }

    it("lets a worker that died be replaced, and the settings be loaded again", async (t) => {
      const server = await Unread.start(t, kind, [...ACCESS, "basics"]);
      await fill(server, 200);
      const pid = Number((await ask({ path: server.path }, "GET /pid HTTP/1.0\r\n\r\n")).final?.body);
      process.kill(pid, "SIGKILL");
      await eventually(() => server.isAnswering());
      const gateways = (): number[] => livingGroup(server.pid);
      const before = gateways();
      server.signal("SIGHUP");
      await eventually(() => gateways().some((each) => !before.includes(each)));
      await eventually(() => server.isAnswering());
      assert.equal((await server.stop("SIGTERM")).code, 0);
    });

    it("loses nothing of what the application prints", async (t) => {
      const directory = temporaryDirectory();
      writeFileSync(
        join(directory, "printing.py"),
        `import sys
def application(environ, start_response):
    if environ["QUERY_STRING"]:
        print("~" * 300_000, file=getattr(sys, environ["QUERY_STRING"]), flush=True)
    start_response("200 OK", [("Content-Length", "0")])
    return []
`,
      );
      const server = await Unread.start(t, kind, ["printing"], directory);
      const answers = Promise.all([server.get("/?stdout"), server.get("/?stderr")]);
      let printed = 0;
      await eventually(async () => {
        printed += (await server.read()).split("~").length - 1;
        return printed === 600_000;
      });
      for (const line of await answers) assert.match(line ?? "", / 200 /);
      assert.equal((await server.stop("SIGTERM")).code, 0);
    });
  });
}

it("says how many lines of the access log were dropped when the reader wakes", async (t) => {
  const server = await Unread.start(t, "pipe", [...ACCESS, "basics"]);
  const requests = 3000;
  await fill(server, requests);
  let text = "";
  await eventually(async () => {
    text += await server.read();
    return /Dropped \d+ access log lines: the reader of stdout does not keep up\n/.test(text);
  });
  await server.isAnswering("/?last");
  await eventually(async () => {
    text += await server.read();
    return text.includes("<last>");
  });
  const dropped = Number(/Dropped (\d+) access/.exec(text)?.[1]);
  assert.equal([...text.matchAll(/^<\d+:x{3900}>$/gm)].length + dropped, requests);
  assert.equal([...text.matchAll(/Dropped/g)].length, 1);
  assert.equal((await server.stop("SIGTERM")).code, 0);
});

it("serves as another user on a pipe of root's that nobody reads", {
  skip: !isRoot && "needs root",
}, async (t) => {
  const user = ["--user", "65534", "--group", "65534"];
  const server = await Unread.start(t, "pipe", [...ACCESS, ...user, "plain"], plainApplication());
  await fill(server, 100);
  assert.equal(await server.isAnswering(), true);
  const { code, ms } = await server.stop("SIGTERM");
  assert.equal(code, 0);
  assert.ok(ms < IN_TIME_MS, `it took ${ms} ms`);
});

it("goes on when the reader has gone, with few lines about it", async (t) => {
  const errors = join(temporaryDirectory(), "errors");
  const server = await Unread.start(t, "pipe", [...ACCESS, "--error-logfile", errors, "basics"]);
  server.hangUp();
  await fill(server, 300);
  assert.equal(await server.isAnswering(), true);
  await eventually(() => /Dropped \d+ access log lines?: EPIPE/.test(readFileSync(errors, "utf8")));
  assert.ok(readFileSync(errors, "utf8").split("Dropped").length < 30);
  assert.equal((await server.stop("SIGTERM")).code, 0);
});

it("goes on when the disk of both logs is full, and says so once there is room", {
  skip: NO_SMALL_DISK,
}, async (t) => {
  const disk = smallDisk("1m");
  const files = ["--access-logfile", join(disk, "access"), "--error-logfile", join(disk, "errors")];
  const server = await Unread.start(t, "pipe", [...files, "--access-logformat", "<%(q)s>", "basics"]);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(512 * 1024));
  // More than is free now, less than there is without the ballast.
  await fill(server, 200);
  assert.equal(await server.isAnswering(), true);
  rmSync(join(disk, "ballast"));
  await eventually(async () => {
    await server.isAnswering("/?room");
    const [access, errors] = ["access", "errors"].map((name) => readFileSync(join(disk, name), "utf8"));
    return (
      /^<room>$/m.test(access ?? "") && /Dropped \d+ (access|error) log lines?: ENOSPC/.test(errors ?? "")
    );
  });
  assert.equal((await server.stop("SIGTERM")).code, 0);
});

it("refuses what comes at any rate with one line a second, cut at 200 characters", async (t) => {
  const server = await Unread.start(t, "pipe", ["basics"]);
  const requests = 50;
  for (let nr = 0; nr < requests; nr++) {
    await ask({ path: server.path }, `GET /${PADDING}\x1b HTTP/1.1\r\nHost: a\r\n\x01${PADDING}: b\r\n\r\n`);
  }
  let text = "";
  const count = (): number =>
    [...text.matchAll(/Invalid request from/g)].length +
    [...text.matchAll(/(\d+) more invalid request/g)].reduce((sum, match) => sum + Number(match[1]), 0);
  await eventually(async () => {
    text += await server.read();
    return count() === requests;
  });
  assert.ok([...text.matchAll(/Invalid request from/g)].length < requests / 2);
  for (const line of text.split("\n")) assert.ok(line.length < 300, line);
  assert.equal((await server.stop("SIGTERM")).code, 0);
});

it("cuts the target of a request in the lines of a worker", async (t) => {
  const server = await Unread.start(t, "pipe", ["basics"]);
  await server.get(`/raises?${PADDING}`);
  let text = "";
  await eventually(async () => {
    text += await server.read();
    return text.includes("raised before the head");
  });
  const line = text.split("\n").find((each) => each.includes("Error handling request"));
  assert.match(line ?? "", /Error handling request GET \/raises\?x{188}…$/);
  assert.equal((await server.stop("SIGTERM")).code, 0);
});

it("serves and stops in time with a logger class that hangs, and leaves no process behind", async (t) => {
  const directory = plainApplication();
  writeFileSync(
    join(directory, "hanging.py"),
    `import threading
class Logger:
    def __init__(self, cfg): pass
    def access(self, *args): threading.Event().wait()
    def __getattr__(self, name): return lambda *args, **kwargs: None
`,
  );
  const socket = join(directory, "socket");
  writeFileSync(
    join(directory, "gunicorn.conf.py"),
    `from hanging import Logger\nlogger_class = Logger\naccesslog = "-"\nbind = "unix:${socket}"\n`,
  );
  const running = launch(t, ["plain"], { cwd: directory });
  const answers = async (): Promise<boolean> => {
    try {
      const { final } = await ask({ path: socket }, "GET / HTTP/1.0\r\n\r\n");
      return final !== undefined;
    } catch {
      return false;
    }
  };
  await eventually(answers);
  for (let nr = 0; nr < 50; nr++) assert.equal(await answers(), true);
  const began = performance.now();
  running.signal("SIGTERM");
  const { code } = await running.exit;
  assert.equal(code, 0);
  assert.ok(performance.now() - began < IN_TIME_MS);
  await eventually(() => livingGroup(running.pid).length === 0);
});

it("starts although nobody reads what it has to say", { skip: !existsSync("/proc/self/fd") }, async (t) => {
  const directory = plainApplication();
  // It is executed before anything else of the server runs, and fills the pipe.
  writeFileSync(
    join(directory, "gunicorn.conf.py"),
    `import os
os.set_blocking(2, False)
try:
    while os.write(2, b"x" * 4096): pass
except BlockingIOError:
    os.set_blocking(2, True)
`,
  );
  const server = await Unread.start(t, "pipe", [...ACCESS, "--workers", "2", "plain"], directory);
  assert.equal(await server.isAnswering(), true);
  const { code, ms } = await server.stop("SIGTERM");
  assert.equal(code, 0);
  assert.ok(ms < IN_TIME_MS, `it took ${ms} ms`);
});
