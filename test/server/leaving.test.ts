/**
 * Every worker leaves, whatever its application does about it, within graceful_timeout; and what the application wants done at
 * the end is done.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { livingGroup, Server, status } from "./support/server.ts";

after(cleanUp);

const CLASSES = [[], ["--threads", "2"]] as const;
const KILLED = /Worker \(pid:(\d+)\) did not leave within graceful_timeout \(1 s\); killed/;

interface Leaving {
  readonly server: Server;
  readonly mark: string;
  /** Of the only worker, and of the process that has forked it. */
  readonly pid: string;
  readonly zygote: string;
}

async function start(
  t: TestContext,
  how: string,
  words: readonly string[],
  trouble?: RegExp,
): Promise<Leaving> {
  const mark = join(temporaryDirectory(), "mark");
  const server = await Server.start(t, [...words, "leaving"], {
    env: { HOW: how, MARK: mark },
    ...(trouble && { trouble }),
  });
  const [pid = "", zygote = ""] = (await server.get("/")).body.split(" ");
  return { server, mark, pid, zygote };
}

function notes(mark: string): string[] {
  return existsSync(mark) ? readFileSync(mark, "utf8").trimEnd().split("\n") : [];
}

describe("a worker that is told to retire", () => {
  for (const words of CLASSES) {
    for (const how of ["thread", "slow atexit"]) {
      it(`is killed after graceful_timeout when it does not leave: ${how} ${words.join(" ")}`, async (t) => {
        const { server, pid } = await start(t, how, ["--graceful-timeout", "1", ...words]);
        server.signal("SIGHUP");
        const line = await server.running.stderr.find(KILLED);
        assert.equal(KILLED.exec(line)?.[1], pid);
        await eventually(() => !livingGroup(server.pid).includes(Number(pid)));
        assert.equal(status(await server.get("/")), 200);
      });
    }

    it(`and is on a request that does not end has 502 answered for it ${words.join(" ")}`, async (t) => {
      const { server, mark } = await start(
        t,
        "",
        ["--graceful-timeout", "1", ...words],
        /in request GET \/hang/,
      );
      const answer = server.get("/hang");
      assert.match(await fileAppears(mark), /hangs/);
      server.signal("SIGHUP");
      assert.equal(status(await answer), 502);
      await server.running.stderr.find(KILLED);
    });

    for (const how of ["term ignored", "term noted"]) {
      it(`leaves although its application has taken TERM away: ${how} ${words.join(" ")}`, async (t) => {
        const { server, mark, pid } = await start(t, how, words);
        server.signal("SIGHUP");
        await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${pid}\\)`));
        await eventually(() => notes(mark).includes(`atexit ${pid}`));
        const called = notes(mark).filter((note) => note === `called ${pid}`);
        assert.equal(called.length, how === "term noted" ? 1 : 0);
      });
    }

    it(`has its application's TERM handler called once, and gives it time ${words.join(" ")}`, async (t) => {
      const { server, mark, pid } = await start(t, "term exits", words);
      server.signal("SIGTERM");
      assert.equal((await server.running.waitForExit()).code, 0);
      assert.deepEqual(notes(mark), [`called ${pid}`, `done ${pid}`, `atexit ${pid}`]);
      assert.match(server.log, new RegExp(`Worker exiting \\(pid: ${pid}\\)`));
    });
  }
});

describe("a stop", () => {
  for (const words of [[], ["--preload"]]) {
    it(`takes no longer than graceful_timeout, whatever does not end ${words.join(" ")}`, async (t) => {
      const { server } = await start(t, "thread", ["--graceful-timeout", "1", ...words]);
      server.signal("SIGTERM");
      assert.equal((await server.running.waitForExit()).code, 0);
      assert.match(
        server.log,
        /(Worker|Zygote) \(pid:\d+\) did not leave within graceful_timeout \(1 s\); killed/,
      );
    });
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`by ${signal} to the whole process group boots no new worker, in ten tries`, async (t) => {
      for (let again = 0; again < 10; again++) {
        const server = await Server.start(t, ["--workers", "2", "basics"], { workers: 2 });
        process.kill(-server.pid, signal);
        assert.equal((await server.running.waitForExit()).code, 0);
        assert.equal(server.booted.length, 2, server.log);
      }
    });
  }
});

describe("a stop by TERM to the whole process group", () => {
  for (const words of CLASSES) {
    it(`answers the requests that wait, and boots no worker for it ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "basics"]);
      const directory = temporaryDirectory();
      const held: HeldRequest[] = [];
      for (let count = 0; count < Math.max(1, words.length); count++)
        held.push(await HeldRequest.begin(server, directory, `held-${count}`));
      const waiting = await Promise.all(Array.from({ length: 4 }, () => server.connect()));
      for (const client of waiting) await client.sendNow("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
      // The gateway refuses it by itself; so it has read what was there before.
      assert.equal(status(await server.request("GET / HTTP/1.1\r\n\r\n")), 400);
      process.kill(-server.pid, "SIGTERM");
      await server.running.stderr.find(/Handling signal: term/);
      letGo(directory);
      for (const each of held) assert.equal(status(await each.maybeResponse()), 200);
      for (const client of waiting) assert.equal(status(await client.maybeResponse("GET")), 200);
      assert.equal((await server.running.waitForExit()).code, 0);
      assert.equal(server.booted.length, 1, server.log);
    });
  }
});

describe("the application's atexit handlers run", () => {
  for (const words of CLASSES) {
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      it(`at ${signal} ${words.join(" ")}`, async (t) => {
        const { server, mark, pid } = await start(t, "", words);
        server.signal(signal);
        await server.running.waitForExit();
        assert.deepEqual(notes(mark), [`atexit ${pid}`]);
      });
    }

    it(`at a signal to the worker itself ${words.join(" ")}`, async (t) => {
      for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT"] as const) {
        const { server, mark, pid } = await start(t, "", words, /exited with code 1/);
        process.kill(Number(pid), signal);
        await eventually(() => notes(mark).includes(`atexit ${pid}`));
        await server.running.stderr.count(/Booting worker/, 2);
      }
    });

    it(`when the worker has served max_requests ${words.join(" ")}`, async (t) => {
      const { server, mark, pid } = await start(t, "", ["--max-requests", "3", ...words]);
      await server.get("/");
      await eventually(() => notes(mark).includes(`atexit ${pid}`));
    });
  }

  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"] as const) {
    it(`with --preload also in the process that has imported it, at ${signal}`, async (t) => {
      const { server, mark, pid, zygote } = await start(t, "", ["--preload"]);
      server.signal(signal);
      await eventually(() => notes(mark).includes(`atexit ${zygote}`));
      assert.deepEqual(notes(mark), [`atexit ${pid}`, `atexit ${zygote}`]);
    });
  }
});

describe("a worker that claims no more, although nobody has told it to,", () => {
  for (const words of CLASSES) {
    it(`is replaced before it has left ${words.join(" ")}`, async (t) => {
      const { server, pid } = await start(t, "alarm exits slowly", ["--graceful-timeout", "1", ...words]);
      process.kill(Number(pid), "SIGALRM");
      await server.running.stderr.find(
        new RegExp(`Worker \\(pid:${pid}\\) claims no more requests; another takes its place`),
      );
      assert.equal(status(await server.get("/")), 200);
      assert.equal(KILLED.exec(await server.running.stderr.find(KILLED))?.[1], pid);
    });

    it(`but asks to leave is replaced first ${words.join(" ")}`, async (t) => {
      const { server, pid } = await start(t, "", words);
      process.kill(Number(pid), "SIGTERM");
      await server.running.stderr.find(
        new RegExp(`Worker \\(pid:${pid}\\) was told to leave by SIGTERM; another takes its place first`),
      );
      await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${pid}\\)`));
      const order = server.log.match(/Booting worker|Worker exiting/g);
      assert.deepEqual(order, ["Booting worker", "Booting worker", "Worker exiting"]);
    });

    it(`is replaced when its application has closed the queue ${words.join(" ")}`, async (t) => {
      const { server, mark, pid } = await start(
        t,
        "",
        words,
        /Exception in|Traceback|OSError|exited with code/,
      );
      await server.get("/close-the-queue");
      assert.equal(status(await server.get("/")), 200);
      await eventually(() => notes(mark).includes(`atexit ${pid}`));
      await server.running.stderr.count(/Booting worker/, 2);
    });

    it(`is replaced when a signal handler of the application calls sys.exit ${words.join(" ")}`, async (t) => {
      const { server, mark, pid } = await start(t, "alarm exits", words);
      process.kill(Number(pid), "SIGALRM");
      await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${pid}\\)`));
      assert.equal(status(await server.get("/")), 200);
      await eventually(() => notes(mark).includes(`atexit ${pid}`));
    });
  }
});
