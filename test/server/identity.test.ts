import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Client } from "../support/client.ts";
import { cleanUp, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { APPS, runDirectories, Server, status } from "./support/server.ts";

after(cleanUp);

const NEEDS_ROOT = process.getuid?.() === 0 ? false : "only root can change the user";
const NOBODY = 65534;

function uidOf(pid: number): number {
  return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** The application, where every user may read it: that may not be so of the checkout. */
function anybodysApp(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  copyFileSync(join(APPS, "who.py"), join(directory, "who.py"));
  return directory;
}

describe("user and group", { skip: NEEDS_ROOT }, () => {
  it("are those of gateway, zygote and worker, and only the arbiter stays root", async (t) => {
    const words = ["--user", "nobody", "--group", `${NOBODY}`, "who"];
    const server = await Server.start(t, words, { cwd: anybodysApp() });
    const { pid, uid, gid, groups } = JSON.parse((await server.get("/")).body);
    assert.deepEqual({ uid, gid, groups }, { uid: NOBODY, gid: NOBODY, groups: [NOBODY] });
    assert.equal(uidOf(server.pid), 0);
    assert.equal(uidOf(server.parentOf(pid)), NOBODY, "the zygote");
    assert.equal(uidOf(await server.child(/tunicorn: gateway/)), NOBODY);
    const owners = runDirectories(server.pid).map((path) => statSync(path).uid);
    assert.deepEqual(owners.sort(), [0, NOBODY, NOBODY]);
  });

  it("with --initgroups brings the user's other groups", async (t) => {
    const words = ["--user", "nobody", "--group", "daemon", "--initgroups", "who"];
    const server = await Server.start(t, words, { cwd: anybodysApp() });
    const { gid, groups } = JSON.parse((await server.get("/")).body);
    assert.equal(gid, 1);
    assert.ok(groups.includes(1));
    assert.ok(!groups.includes(0), "root's group stayed");
  });

  it("own the Unix socket and the log files, also those made after rotation", async (t) => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    const [socket, access] = [join(directory, "socket"), join(directory, "access")];
    const words = [
      ...["--user", "nobody", "--group", `${NOBODY}`, "--bind", `unix:${socket}`],
      ...["--access-logfile", access, "who"],
    ];
    const server = await Server.start(t, words, { cwd: anybodysApp() });
    for (const path of [socket, access]) assert.equal(statSync(path).uid, NOBODY, path);
    renameSync(access, `${access}.1`);
    server.signal("SIGUSR1");
    await server.running.stderr.find(/Handling signal: usr1/);
    await eventually(async () => {
      await server.get("/");
      return readFileSync(access, { encoding: "utf8", flag: "a+" }) !== "";
    });
    assert.equal(statSync(access).uid, NOBODY);
  });

  it("serve large bodies both ways from their spool directory", async (t) => {
    const server = await Server.start(t, ["--user", "nobody", "who"], { cwd: anybodysApp() });
    const size = 3_000_000;
    const head = `POST /?${size} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`;
    const response = await server.request(head + "x".repeat(size));
    assert.equal(status(response), 200);
    assert.equal(response.body.length, size);
    assert.equal(JSON.parse(response.body).received, size);
  });
});

describe("a user or group that is not there", () => {
  for (const [option, says] of [
    ["--user", /Error: No such user: 'nobody-at-all'/],
    ["--group", /Error: No such group: 'nobody-at-all'/],
  ] as const) {
    it(`as ${option} is told in one line, with 1`, async () => {
      const running = new Running("tunicorn", [option, "nobody-at-all", "who"], { cwd: APPS });
      const { code } = await running.waitForExit();
      assert.equal(code, 1);
      assert.match(running.stderr.text, says);
    });
  }
});

describe("the processes' titles", () => {
  it("name the process and the application", async (t) => {
    const server = await Server.start(t, ["--name", "shop", "who"]);
    assert.equal(JSON.parse((await server.get("/")).body).title, "tunicorn: worker [shop]");
    await server.child(/tunicorn: zygote \[shop\]/);
    await server.child(/tunicorn: gateway \[shop\]/);
    await server.child(/tunicorn: master \[shop\]/);
  });
});

describe("worker_tmp_dir", () => {
  it("is where the queue lies, and nothing stays there", async (t) => {
    const directory = temporaryDirectory();
    const server = await Server.start(t, ["--worker-tmp-dir", directory, "who"]);
    const lists = (): number => Number(statSync(directory).nlink) - 2;
    assert.equal(lists(), 2);
    await server.running.stop();
    assert.equal(lists(), 0);
  });

  it("that does not exist is told, with 1", async () => {
    const running = new Running(
      "tunicorn",
      ["--bind", "127.0.0.1:0", "--worker-tmp-dir", "/nowhere", "who"],
      {
        cwd: APPS,
      },
    );
    const { code } = await running.waitForExit();
    assert.equal(code, 1);
    assert.match(running.stderr.text, /Error: \/nowhere doesn't exist\. Can't create workertmp\.\n$/);
  });
});

describe("reuse_port", () => {
  it("lets two instances listen on one address", async (t) => {
    const one = await Server.start(t, ["--reuse-port", "who"]);
    const { port } = one.address as { port: number };
    const words = ["--bind", `127.0.0.1:${port}`, "--reuse-port", "who"];
    const other = new Running("tunicorn", words, { cwd: APPS });
    t.after(() => other.stop());
    await other.stderr.find(/Booting worker/);
  });
});

describe("daemon", () => {
  it("returns when the server serves, which then runs in a session of its own with closed output", async (t) => {
    const directory = temporaryDirectory();
    const [pidfile, socket] = [join(directory, "pid"), join(directory, "socket")];
    const words = ["--daemon", "--pid", pidfile, "--bind", `unix:${socket}`, "who"];
    const starter = new Running("tunicorn", words, { cwd: APPS });
    const { code } = await starter.waitForExit();
    const pid = Number(await fileAppears(pidfile));
    t.after(async () => {
      process.kill(pid, "SIGTERM");
      await eventually(() => runDirectories(pid).length === 0);
    });
    assert.equal(code, 0, starter.stderr.text);
    assert.match(starter.stderr.text, /Booting worker/);
    const client = await Client.connect({ path: socket });
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const seen = JSON.parse((await client.maybeResponse("GET"))?.body ?? "{}");
    client.close();
    assert.equal(seen.session, pid);
    const output = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    assert.equal(Number(output[4]), 0, "a terminal");
    assert.equal(statSync(`/proc/${pid}/fd/2`).rdev, statSync("/dev/null").rdev);
  });

  it("that fails to start is told with its output and its exit code", async () => {
    const starter = new Running("tunicorn", ["--daemon", "--bind", "127.0.0.1:0", "missing"], { cwd: APPS });
    const { code } = await starter.waitForExit();
    assert.equal(code, 3);
    assert.match(starter.stderr.text, /ModuleNotFoundError: No module named 'missing'/);
    assert.match(starter.stderr.text, /Reason: Worker failed to boot\./);
  });

  it("that is refused by an address in use says so", async () => {
    const starter = new Running("tunicorn", ["--daemon", "--bind", "fd://99", "who"], { cwd: APPS });
    const { code } = await starter.waitForExit();
    assert.equal(code, 1);
    assert.match(starter.stderr.text, /Can't connect to fd:\/\/99/);
  });
});
