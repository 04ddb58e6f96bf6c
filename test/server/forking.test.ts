/**
 * Applications that fork. A child has nothing of its worker: it cannot answer, claim or retire, its signals are its own, and
 * the worker lives on as if there were none.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { launch, livingGroup, Server, status } from "./support/server.ts";

after(cleanUp);

const CLASSES = [[], ["--threads", "2"]] as const;

const CHILDREN = [
  { way: "comes-back", title: "returns from the view", says: "exited 0" },
  { way: "streams", title: "returns an iterable", says: "exited 0" },
  { way: "writes", title: "calls write()", says: "exited 0" },
  { way: "leaves", title: "calls sys.exit", says: "exited 7" },
  { way: "raises", title: "raises an exception", says: "exited 1" },
  { way: "executes", title: "becomes another program", says: "exited 5" },
];

async function workerAnswersAlone(server: Server, pid: string): Promise<void> {
  for (let again = 0; again < 10; again++) assert.equal((await server.get("/pid")).body, pid);
  assert.equal(server.booted.length, 1);
  assert.equal(server.children(/tunicorn: worker/).length, 1);
}

describe("a child that a view has forked", () => {
  for (const words of CLASSES) {
    for (const { way, title, says } of CHILDREN) {
      it(`and that ${title} leaves, and its worker goes on alone ${words.join(" ")}`, async (t) => {
        const server = await Server.start(t, [...words, "forking"], {
          trouble: /Traceback|RuntimeError: in the child/,
        });
        const { body: pid } = await server.get("/pid");
        assert.equal((await server.get(`/child/${way}`)).body, says);
        await workerAnswersAlone(server, pid);
      });
    }

    it(`mixes nothing into the responses of others ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "forking"]);
      await server.get("/child/comes-back");
      const names = Array.from({ length: 8 }, (_, number) => `c${number}`);
      const bodies = await Promise.all(names.map(async (name) => (await server.get(`/big/${name}`)).body));
      bodies.forEach((body, number) => {
        assert.ok(body === names[number]?.padEnd(8, ".").repeat(250_000), `response ${number} is another's`);
      });
    });

    it(`has none of the worker's descriptors and handlers, but the application's ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "forking"]);
      const mark = join(temporaryDirectory(), "mark");
      assert.equal((await server.get(`/child/has-descriptors?${mark}`)).body, "exited 0");
      assert.equal(readFileSync(mark, "utf8"), "descriptors:");
      assert.equal((await server.get(`/child/has-handlers?${mark}`)).body, "exited 0");
      assert.match(readFileSync(mark, "utf8"), /^handlers:\n<function on_alarm .*>$/);
    });

    it(`ends at TERM, however early it comes ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "forking"]);
      const { body: pid } = await server.get("/pid");
      for (let again = 0; again < 20; again++)
        assert.equal((await server.get("/is-terminated")).body, "killed 15");
      await workerAnswersAlone(server, pid);
    });

    for (const how of ["in-python", "in-c"]) {
      it(`${how} and that outlives its worker does not hold up the 502 ${words.join(" ")}`, async (t) => {
        const server = await Server.start(t, [...words, "forking"], { trouble: /SIGKILL/ });
        const mark = join(temporaryDirectory(), "mark");
        const { body: pid } = await server.get("/pid");
        const answer = server.get(`/leaves-a-child/${how}?${mark}`);
        const child = Number(await fileAppears(mark));
        process.kill(Number(pid), "SIGKILL");
        assert.equal(status(await answer), 502);
        assert.ok(server.parentOf(child) > 0, "the child lives");
        assert.notEqual((await server.get("/pid")).body, pid);
        process.kill(child, "SIGKILL");
      });
    }
  }

  it("runs its own atexit handlers", async (t) => {
    const server = await Server.start(t, ["forking"]);
    const mark = join(temporaryDirectory(), "mark");
    assert.equal((await server.get(`/child/leaves-with-atexit?${mark}`)).body, "exited 0");
    assert.equal(readFileSync(mark, "utf8"), "said goodbye");
  });

  it("may have a terminal of its own, or be the parent of a daemon", async (t) => {
    const server = await Server.start(t, ["forking"]);
    const { body: pid } = await server.get("/pid");
    const mark = join(temporaryDirectory(), "mark");
    assert.equal((await server.get("/has-a-terminal")).body, "exited 3");
    assert.equal((await server.get(`/starts-a-daemon?${mark}`)).body, "exited 0");
    assert.equal(await fileAppears(mark), "runs");
    await workerAnswersAlone(server, pid);
  });

  it("is not the only kind: programs inherit no descriptor and no handler either", async (t) => {
    const server = await Server.start(t, ["forking"]);
    assert.equal((await server.get("/runs-a-program")).body, "killed 15, descriptors ['0', '1', '2', '3']");
  });
});

describe("multiprocessing in a view", () => {
  for (const words of CLASSES) {
    for (const method of ["fork", "spawn", "forkserver"]) {
      it(`works as in any program, started by ${method} ${words.join(" ")}`, async (t) => {
        const server = await Server.start(t, [...words, "forking"]);
        const { body: pid } = await server.get("/pid");
        assert.equal((await server.get(`/multiprocessing/${method}`)).body, "9 [1, 4, 16, 1] 0 -15");
        await workerAnswersAlone(server, pid);
      });
    }
  }

  it("has its daemon processes ended when the worker leaves", async (t) => {
    const server = await Server.start(t, ["forking"]);
    const mark = join(temporaryDirectory(), "mark");
    assert.equal((await server.get(`/has-a-daemon-process?${mark}`)).body, "started");
    const daemon = Number(readFileSync(mark, "utf8"));
    server.signal("SIGHUP");
    await server.running.stderr.find(/Worker exiting/);
    await eventually(() => !livingGroup(server.pid).includes(daemon));
  });
});

/** Each forks, and the child goes on with what its parent does. */
const ELSEWHERE = [
  { title: "at import", words: [], app: "os.fork()", config: "" },
  { title: "at import with --preload", words: ["--preload"], app: "os.fork()", config: "" },
  { title: "in the configuration file", words: [], app: "", config: "os.fork()" },
  ...[
    "on_starting(server)",
    "when_ready(server)",
    "pre_fork(server, worker)",
    "post_fork(server, worker)",
    "post_worker_init(worker)",
  ].map((hook) => ({
    title: `in the hook ${hook}`,
    words: [],
    app: "",
    config: `def ${hook}: os.fork()`,
  })),
];

describe("code that forks outside of a request", () => {
  for (const { title, words, app, config } of ELSEWHERE) {
    for (const end of ["", "sys.exit(3)"]) {
      it(`${title} has no child that serves${end && ", also when the child calls sys.exit"}`, async (t) => {
        const server = await startForkingElsewhere(t, words, [app, config], end);
        const { body: pid } = await server.get("/");
        for (let again = 0; again < 10; again++) assert.equal((await server.get("/")).body, pid);
        assert.equal(server.booted.length, 1);
        await eventually(() => server.children(/tunicorn: (worker|zygote)/).length === 2);
      });
    }
  }
});

async function startForkingElsewhere(
  t: TestContext,
  words: readonly string[],
  sources: readonly string[],
  end: string,
): Promise<Server> {
  const directory = temporaryDirectory();
  const [app = "", config = ""] = sources.map((source) =>
    end === "" ? source : source.replace("os.fork()", `os.fork() == 0 and ${end}`),
  );
  writeFileSync(
    join(directory, "forks.py"),
    `import os, sys\n${app}\ndef application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]\n`,
  );
  writeFileSync(join(directory, "forks.conf.py"), `import os, sys\n${config}\n`);
  return Server.start(t, ["--config", "forks.conf.py", ...words, "forks"], { cwd: directory });
}

describe("a process that the preloaded application has started", () => {
  for (const { title, source } of [
    {
      title: "a Manager",
      source: "import multiprocessing\nhelper = multiprocessing.get_context('fork').Manager()",
    },
    {
      title: "a daemon process",
      source:
        "import multiprocessing, time\nhelper = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,), daemon=True)\nhelper.start()",
    },
  ]) {
    it(`(${title}) lives as long as the application, and no worker's end is its own`, async (t) => {
      const directory = temporaryDirectory();
      writeFileSync(
        join(directory, "helped.py"),
        `${source}\ndef application(environ, start_response):
    process = getattr(helper, "_process", helper)
    start_response("200 OK", [])
    return [str(process.pid).encode()]\n`,
      );
      const server = await Server.start(t, ["--preload", "--max-requests", "2", "helped"], {
        cwd: directory,
      });
      const { body: helper } = await server.get("/");
      await server.get("/");
      await server.running.stderr.find(/Worker exiting/);
      assert.ok(server.parentOf(Number(helper)) > 0, "it lives");
      assert.equal((await server.get("/")).body, helper);
      server.signal("SIGTERM");
      assert.equal((await server.running.waitForExit()).code, 0);
      await eventually(() => !livingGroup(server.pid).includes(Number(helper)));
    });
  }

  it("does not hold up a stop when it lives on", async (t) => {
    const directory = temporaryDirectory();
    const mark = join(directory, "mark");
    writeFileSync(
      join(directory, "helped.py"),
      `import ctypes, os
helper = ctypes.CDLL(None).fork()
if helper == 0:
    for descriptor in (0, 1, 2, *range(5, 64)):
        try:
            os.close(descriptor)
        except OSError:
            pass
    ctypes.CDLL(None).sleep(60)
    os._exit(0)
open(${JSON.stringify(mark)}, "w").write(str(helper))
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]\n`,
    );
    const running = launch(t, ["--bind", "127.0.0.1:0", "--preload", "helped"], { cwd: directory });
    await running.stderr.find(/Booting worker/);
    const began = performance.now();
    running.signal("SIGTERM");
    assert.equal((await running.waitForExit()).code, 0);
    const helper = Number(readFileSync(mark, "utf8"));
    process.kill(helper, "SIGKILL");
    await eventually(() => !livingGroup(running.pid).includes(helper));
    assert.ok(performance.now() - began < 20_000, "it waited for graceful_timeout");
  });
});
