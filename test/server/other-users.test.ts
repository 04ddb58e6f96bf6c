/**
 * What other users can do to a server that root has started: nothing that they could not do anyway. The functions that root
 * opens and removes files with have their own tests; here is what is in use of them, with real processes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { pidNamespace } from "../../src/pid-namespace.ts";
import { as, NEEDS_ROOT, NOBODY, STRANGER } from "../support/other-users.ts";
import { cleanUp, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { APPS, Server, status } from "./support/server.ts";

after(cleanUp);

const ROOT = resolve(import.meta.dirname, "../..");
const AS_NOBODY = ["--user", `${NOBODY}`, "--group", `${NOBODY}`];

/** A directory that all may enter, with an application that all may read. */
function open(app = "who"): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  copyFileSync(join(APPS, `${app}.py`), join(directory, `${app}.py`));
  return directory;
}

/** The user's. */
function theirs(): string {
  const directory = join(open(), "theirs");
  mkdirSync(directory);
  chownSync(directory, NOBODY, NOBODY);
  return directory;
}

function victim(): string {
  const path = join(open(), "victim");
  writeFileSync(path, "secret-4711\n", { mode: 0o600 });
  return path;
}

function assertUntouched(path: string): void {
  const { uid, gid, mode } = statSync(path);
  assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o600]);
  assert.equal(readFileSync(path, "utf8"), "secret-4711\n");
}

function start(t: TestContext, words: readonly string[], trouble?: RegExp): Promise<Server> {
  return Server.start(t, [...AS_NOBODY, ...words, "who"], {
    cwd: open(),
    ...(trouble === undefined ? {} : { trouble }),
  });
}

describe("log files that the user can replace", { skip: NEEDS_ROOT }, () => {
  it("are not used when they are links or FIFOs, and the server starts and says so", async (t) => {
    const [logs, secret] = [theirs(), victim()];
    const [error, access] = [join(logs, "error"), join(logs, "access")];
    as(NOBODY, "ln", "-s", secret, error);
    as(NOBODY, "mkfifo", access);
    const words = ["--error-logfile", error, "--access-logfile", access];
    const server = await start(t, words, /log is not used/);
    assert.match(
      server.log,
      new RegExp(`errorlog is not used: '${error}': it is a link of user ${NOBODY}, and its directory`),
    );
    assert.match(
      server.log,
      new RegExp(`accesslog is not used: '${access}': it is a FIFO of user ${NOBODY}`),
    );
    server.signal("SIGUSR1");
    await server.running.stderr.find(/Handling signal: usr1/);
    assert.equal(status(await server.get("/")), 200);
    assertUntouched(secret);
  });

  it("become links and FIFOs before USR1 and HUP, and the old files are written on", async (t) => {
    const [logs, secret] = [theirs(), victim()];
    const [error, access] = [join(logs, "error"), join(logs, "access")];
    const words = ["--error-logfile", error, "--access-logfile", access];
    const running = new Running("tunicorn", [...AS_NOBODY, "--bind", "127.0.0.1:0", ...words, "who"], {
      cwd: open(),
    });
    t.after(() => running.stop());
    const log = (): string => readFileSync(`${error}.1`, "utf8");
    await eventually(() => existsSync(error) && /Booting worker/.test(readFileSync(error, "utf8")));
    for (const path of [error, access]) as(NOBODY, "mv", path, `${path}.1`);
    as(NOBODY, "ln", "-s", secret, error);
    as(NOBODY, "mkfifo", access);
    running.signal("SIGUSR1");
    await eventually(() => /Access log not reopened: /.test(log()));
    assert.match(log(), /\[ERROR\] accesslog is not used: .* is a FIFO of user/);
    assert.match(log(), /\[ERROR\] Error log not reopened: .* is a link of user/);
    running.signal("SIGHUP");
    await eventually(() => /Generation 2 is ready/.test(log() + running.stderr.text));
    assertUntouched(secret);
    assert.equal((await running.stop()).code, 0);
  });

  it("may be the standard streams, devices, and links that the operator has made", async (t) => {
    const links = join(open(), "links");
    mkdirSync(links);
    symlinkSync("/dev/stdout", join(links, "access"));
    const words = ["--error-logfile", "/dev/stderr", "--access-logfile", join(links, "access")];
    const server = await start(t, words);
    await server.running.stdout.find(/"GET \/ HTTP\/1.1" 200/);
    const quiet = await start(t, ["--access-logfile", "/dev/null"]);
    await quiet.get("/");
    assert.equal(statSync("/dev/null").uid, 0);
  });
});

it("log files of other settings are made by root, and given to the user, before a reload", {
  skip: NEEDS_ROOT,
}, async (t) => {
  const directory = open();
  const [configuration, error, access] = ["conf.py", "error", "access"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(configuration, "workers = 1\n");
  const server = await start(t, ["--config", configuration]);
  writeFileSync(
    configuration,
    `errorlog = ${JSON.stringify(error)}\naccesslog = ${JSON.stringify(access)}\n`,
  );
  server.signal("SIGHUP");
  await eventually(() => existsSync(access));
  await eventually(async () => {
    await server.get("/");
    return /GET \/ HTTP/.test(readFileSync(access, "utf8"));
  });
  for (const path of [error, access]) assert.equal(statSync(path).uid, NOBODY);
});

describe("a worker's stacks that the application has replaced", { skip: NEEDS_ROOT }, () => {
  for (const [kind, message] of [
    ["link", /Stacks of worker \(pid:\d+\) are lost: '.*\/stacks-\d+' is a link/],
    ["fifo", /Stacks of worker \(pid:\d+\) are lost: '.*\/stacks-\d+' is not a regular file/],
  ] as const) {
    it(`by a ${kind} are lost, and root neither reads nor empties anything`, async (t) => {
      const secret = victim();
      const server = await Server.start(t, [...AS_NOBODY, "--timeout", "1", "misplacing"], {
        cwd: open("misplacing"),
        trouble: /Stacks of worker|timed out after/,
      });
      assert.equal(status(await server.get(`/${kind}?${secret}`)), 504);
      await server.running.stderr.find(message);
      assert.equal(status(await server.get("/")), 200);
      assert.doesNotMatch(server.log, /secret-4711/);
      assertUntouched(secret);
    });
  }
});

describe("root's tunicornctl", { skip: NEEDS_ROOT }, () => {
  const tunicornctl = (...words: readonly string[]) =>
    spawnSync(join(ROOT, "bin/tunicornctl"), words, { encoding: "utf8" });

  it("takes no directory of another user for an instance", (t) => {
    const fake = `/dev/shm/tunicorn-0-${pidNamespace()}-1-fake${process.pid}`;
    t.after(() => rmSync(fake, { recursive: true, force: true }));
    as(STRANGER, "mkdir", "-m", "755", fake);
    const server = createServer().listen(join(fake, "control.sock"));
    t.after(() => server.close());
    const { stderr, status: code } = tunicornctl("--pid", "1", "status");
    assert.equal(code, 1);
    assert.equal(stderr, "Error: no instance with pid 1 is running\n");
  });

  it("finds the instance whose queue is elsewhere", async (t) => {
    const server = await start(t, ["--worker-tmp-dir", theirs()]);
    assert.equal(tunicornctl("--pid", `${server.pid}`, "status").status, 0);
  });

  it("does not talk to a control socket that the user could replace, and says whose it is", async (t) => {
    const directory = theirs();
    const socket = join(directory, "control");
    const server = await start(t, ["--control-socket", socket]);
    await server.running.stderr.find(/Control socket listening at /);
    assert.deepEqual([statSync(socket).uid, statSync(socket).mode & 0o777], [NOBODY, 0o600]);
    const { stderr, status: code } = tunicornctl("-s", socket, "status");
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `Error: root does not talk to ${socket}: it is user ${NOBODY}'s; run tunicornctl as that user\n`,
    );
    chownSync(socket, 0, 0);
    assert.match(tunicornctl("-s", socket, "status").stderr, new RegExp(`${directory} is user ${NOBODY}'s`));
    chownSync(socket, NOBODY, NOBODY);
    await server.running.stop();
    assert.ok(!existsSync(socket));
  });
});

it("a configuration file that the user can change is told, because root executes it", {
  skip: NEEDS_ROOT,
}, async (t) => {
  const [directory, configuration] = [theirs(), join(open(), "conf.py")];
  writeFileSync(configuration, "workers = 1\n");
  const safe = await start(t, ["--config", configuration]);
  assert.doesNotMatch(safe.log, /Others than root/);
  copyFileSync(configuration, join(directory, "conf.py"));
  const unsafe = await start(t, ["--config", join(directory, "conf.py")]);
  assert.match(unsafe.log, new RegExp(`\\[WARNING\\] Others than root can change ${directory}/conf.py, `));
});

it("a module that the user has put into the launch directory is not run as root", {
  skip: NEEDS_ROOT,
}, async (t) => {
  const directory = open();
  const [configuration, seen] = [join(open(), "conf.py"), join(directory, "seen")];
  writeFileSync(configuration, "workers = 1\n");
  chownSync(directory, NOBODY, NOBODY);
  // Tunicorn uses it where it is installed.
  writeFileSync(
    join(directory, "setproctitle.py"),
    `import os\nopen(${JSON.stringify(seen)}, "a").write(f"{os.geteuid()}\\n")\ndef setproctitle(title): pass\n`,
  );
  await Server.start(t, [...AS_NOBODY, "--config", configuration, "who"], { cwd: directory });
  assert.match(await fileAppears(seen), new RegExp(`^(?:${NOBODY}\\n)+$`));
});
