/** Tunicorn as the first process of a container, which has no init to reap what is orphaned. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { ask } from "../support/client.ts";
import { cleanUp, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";

after(cleanUp);

const UNSHARE = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const CAN_UNSHARE = spawnSync("unshare", [...UNSHARE, "true"]).status === 0;
const TUNICORN = resolve(import.meta.dirname, "../../bin/tunicorn");

/** The response has the states of all processes that are not its own worker's, by their names in the container. */
const APPLICATION = `
import os
def states():
    for name in os.listdir("/proc"):
        if name.isdigit():
            with open(f"/proc/{name}/stat") as stat:
                yield stat.read().rpartition(")")[2].split()[0]
def application(environ, start_response):
    if environ["PATH_INFO"] == "/orphan":
        pid = os.fork()
        if pid == 0:
            os.fork()
            os._exit(0)
        os.waitpid(pid, 0)
    body = f"{os.getppid()} {'Z' in states()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
`;

class Container {
  readonly running: Running;

  constructor(t: TestContext, words: readonly string[]) {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, "orphans.py"), APPLICATION);
    const all = [...UNSHARE, TUNICORN, "--bind", "127.0.0.1:0", ...words, "orphans"];
    this.running = new Running("tunicorn", all, { cwd, executable: "unshare" });
    t.after(() => this.end());
  }

  /** To its process 1, which `unshare` has forked. */
  signal(name: NodeJS.Signals): void {
    process.kill(maybeChildOf(this.running.pid) as number, name);
  }

  /** By TERM, so that it removes what it has made in /dev/shm. */
  async end(): Promise<void> {
    if (maybeChildOf(this.running.pid) !== undefined) this.signal("SIGTERM");
    await this.running.waitForExit();
  }

  async get(path: string): Promise<string> {
    const address = await this.running.address();
    const { final } = await ask(address, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    return final?.body ?? "";
  }
}

function maybeChildOf(pid: number): number | undefined {
  const found = spawnSync("ps", ["--ppid", String(pid), "-o", "pid="], { encoding: "utf8" });
  return found.stdout.trim() === "" ? undefined : Number(found.stdout);
}

describe("process 1", { skip: !CAN_UNSHARE }, () => {
  it("reaps what an application has left behind", async (t) => {
    const container = new Container(t, []);
    for (let again = 0; again < 5; again++) await container.get("/orphan");
    await eventually(async () => (await container.get("/")).endsWith("False"));
  });

  it("passes signals on, and leaves when the server has stopped", async (t) => {
    const container = new Container(t, []);
    await container.get("/");
    container.signal("SIGHUP");
    await container.running.stderr.find(/Generation 2 is ready/);
    container.signal("SIGTERM");
    assert.deepEqual(await container.running.waitForExit(), { code: 0, signal: null });
    assert.match(container.running.stderr.text, /Shutting down: Master/);
  });

  it("leaves with the server's exit code", async (t) => {
    const container = new Container(t, ["--config", "missing.conf.py"]);
    assert.equal((await container.running.waitForExit()).code, 1);
  });
});
