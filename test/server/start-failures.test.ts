import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, Running, type Surroundings, temporaryDirectory } from "../support/programs.ts";
import { APPS, livingGroup, runDirectories, Server } from "./support/server.ts";

after(cleanUp);

/** Starts, and waits for the end, which must leave nothing. */
async function fails(
  words: readonly string[],
  surroundings: Surroundings = {},
): Promise<{ code: number | null; text: string }> {
  const running = new Running("tunicorn", words, { cwd: APPS, ...surroundings });
  const { code } = await running.waitForExit();
  assert.deepEqual(livingGroup(running.pid), [], "a process was left behind");
  assert.deepEqual(runDirectories(running.pid), [], "a run directory was left behind");
  return { code, text: running.stderr.text };
}

const ANYWHERE = ["--bind", "127.0.0.1:0"];

describe("an application that cannot be served", () => {
  const CASES = [
    {
      title: "a module that is missing",
      app: "missing",
      code: 3,
      says: /ModuleNotFoundError: No module named 'missing'/,
    },
    {
      title: "a name that is not there",
      app: "basics:nope",
      code: 4,
      says: /Failed to find attribute 'nope' in 'basics'\.\n.*Likely cause: did you mean 'basics:create_app\(\)'\?\n/,
    },
    {
      title: "an object that is not callable",
      app: "basics:PAGES",
      code: 4,
      says: /Application object must be callable\./,
    },
    { title: "a module that raises", app: "raising", code: 3, says: /RuntimeError: raised at import/ },
    { title: "a module that exits", app: "exiting", code: 3, says: /the application called sys\.exit\(0\)/ },
  ];
  for (const { title, app, code, says } of CASES) {
    it(`${title} ends the start with ${code} and says why`, async () => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, "basics.py"), "PAGES = {}\ndef create_app(): ...\n");
      writeFileSync(join(directory, "raising.py"), "raise RuntimeError('raised at import')\n");
      writeFileSync(join(directory, "exiting.py"), "import sys\nsys.exit(0)\n");
      const pidfile = join(directory, "pid");
      const socket = join(directory, "socket");
      const words = ["-w", "2", "--pid", pidfile, "--bind", `unix:${socket}`, app];
      const outcome = await fails(words, { cwd: directory });
      assert.equal(outcome.code, code, outcome.text);
      assert.match(outcome.text, says);
      assert.match(
        outcome.text,
        /\[ERROR\] The start failed in step import \(bind .* s, interpreter .* s, preparation .* s, fork .* s, import .* s\)\n/,
      );
      assert.match(outcome.text, /\[ERROR\] Reason: (Worker failed to boot|App failed to load)\.\n/);
      assert.equal(existsSync(pidfile), false, "the pid file was left behind");
      assert.equal(existsSync(socket), false, "the socket was left behind");
    });
  }

  it("that is one directory further down is told of, and --check-config and --preload tell it too", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "src"));
    writeFileSync(join(directory, "src", "shop.py"), "");
    for (const words of [[], ["--preload"], ["--check-config"]]) {
      const outcome = await fails([...ANYWHERE, ...words, "shop"], { cwd: directory });
      assert.match(
        outcome.text,
        /Likely cause: there is src\/shop\.py: --chdir src makes it the working directory\n/,
      );
    }
  });

  it("with --preload ends the start with 1 and the traceback, as in Gunicorn", async () => {
    const outcome = await fails([...ANYWHERE, "--preload", "missing"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /ModuleNotFoundError: No module named 'missing'/);
  });
});

describe("an address that cannot be had", () => {
  it("because it is in use is tried again, then told, with 1", async (t) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    t.after(() => holder.close());
    const { port } = holder.address() as { port: number };
    const pidfile = join(temporaryDirectory(), "pid");
    const outcome = await fails(["--bind", `127.0.0.1:${port}`, "--pid", pidfile, "basics"]);
    assert.equal(outcome.code, 1);
    assert.equal(outcome.text.match(/Connection in use: \('127\.0\.0\.1', \d+\)/g)?.length, 5);
    assert.match(outcome.text, new RegExp(`Likely cause: process ${process.pid} \\(.*\\) listens there\n`));
    assert.match(outcome.text, /\[ERROR\] Can't connect to \('127\.0\.0\.1', \d+\)\n/);
    assert.match(outcome.text, /\[ERROR\] The start failed in step bind \(bind [\d.]+ s\)\n$/);
    assert.equal(existsSync(pidfile), false);
  });

  it("because the path is a file that is no socket is told, and the file stays", async () => {
    const path = join(temporaryDirectory(), "file");
    writeFileSync(path, "precious");
    const outcome = await fails(["--bind", `unix:${path}`, "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: '.*file' is not a socket\n$/);
    assert.equal(readFileSync(path, "utf8"), "precious");
  });

  for (const [bind, says] of [
    ["127.0.0.1:none", /Error: 'none' is not a valid port number\./],
    ["fd://99", /\[ERROR\] Can't connect to fd:\/\/99\n/],
    ["203.0.113.1:8000", /\[ERROR\] Can't connect to \('203\.0\.113\.1', 8000\)/],
  ] as const) {
    it(`because it is ${bind} is told in one line, with 1`, async () => {
      const outcome = await fails(["--bind", bind, "basics"]);
      assert.equal(outcome.code, 1);
      assert.match(outcome.text, says);
    });
  }
});

describe("a pid file", () => {
  it("of a living process refuses the start, and stays", async () => {
    const path = join(temporaryDirectory(), "pid");
    writeFileSync(path, `${process.pid}\n`);
    const outcome = await fails([...ANYWHERE, "--pid", path, "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: Already running on PID \d+ \(or pid file '.*pid' is stale\)\n$/);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  });

  it("that is stale is taken over, names the arbiter, and is removed at the end", async (t) => {
    const path = join(temporaryDirectory(), "pid");
    writeFileSync(path, "garbage");
    const server = await Server.start(t, ["--pid", path, "basics"]);
    assert.equal(readFileSync(path, "utf8"), `${server.pid}\n`);
    await server.running.stop();
    assert.equal(existsSync(path), false);
  });

  it("in a directory that does not exist is told", async () => {
    const outcome = await fails([...ANYWHERE, "--pid", "/nowhere/pid", "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: \/nowhere doesn't exist\. Can't create pidfile\.\n$/);
  });
});

describe("a Python", () => {
  /** A program in the place of the interpreter. */
  function fake(script: string): string {
    const path = join(temporaryDirectory(), "python3");
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  it("that does not exist is told in one line, with 1", async () => {
    const outcome = await fails([...ANYWHERE, "--python", "/nowhere/python3", "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: can't find the Python interpreter '\/nowhere\/python3'/);
  });

  it("that does not start is told with what it printed, with 1", async () => {
    const outcome = await fails([
      ...ANYWHERE,
      "--python",
      fake("echo 'broken library' >&2; exit 127"),
      "basics",
    ]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /broken library\n[\s\S]*Reason: Python .*python3 exited with code 127\n$/);
    assert.match(
      outcome.text,
      /The start failed in step interpreter \(bind [\d.]+ s, interpreter [\d.]+ s\)\n/,
    );
  });

  it("that cannot be executed is told, with 1", async () => {
    const path = join(temporaryDirectory(), "python3");
    writeFileSync(path, "#!/nowhere/interpreter\n");
    chmodSync(path, 0o755);
    const outcome = await fails([...ANYWHERE, "--python", path, "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Reason: Python .*python3 could not be started: /);
  });

  it("that is too old says so itself", async () => {
    // The running Python, told that it is an older one.
    const old = fake(
      `shift; exec ${join(process.env.VIRTUAL_ENV ?? ".venv", "bin/python")} -c "import sys; sys.version_info = (3, 9, 1); $1" "$2"`,
    );
    const outcome = await fails([...ANYWHERE, "--python", old, "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: Tunicorn needs Python 3\.10 or later; .* is /);
  });
});

describe("a log that cannot be written", () => {
  it("is told before anything starts, with 1", async () => {
    const directory = temporaryDirectory();
    const outcome = await fails([...ANYWHERE, "--error-logfile", join(directory, "none", "log"), "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: .*none\/log/);
    assert.deepEqual(readdirSync(directory), []);
  });

  it("as the access log is told before anything starts, with 1", async () => {
    const directory = temporaryDirectory();
    const outcome = await fails([...ANYWHERE, "--access-logfile", join(directory, "none", "log"), "basics"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.text, /Error: .*none\/log/);
  });
});
