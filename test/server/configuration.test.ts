/**
 * The configuration file of a running server: what it sets, that it is executed once, and what HUP makes of it.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ask } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { launch, Server, status } from "./support/server.ts";

after(cleanUp);

/** Appends a line to `executions` each time it is executed. */
const COUNTING = `
import pathlib
with open(pathlib.Path(__file__).with_name("executions"), "a") as executions:
    executions.write("executed\\n")
`;

interface Configured {
  readonly directory: string;
  readonly file: string;
  readonly write: (text: string) => void;
  readonly executions: () => number;
}

function configured(text: string): Configured {
  const directory = temporaryDirectory();
  const file = join(directory, "settings.py");
  const write = (content: string): void => writeFileSync(file, COUNTING + content);
  write(text);
  const executions = (): number => readFileSync(join(directory, "executions"), "utf8").split("\n").length - 1;
  return { directory, file, write, executions };
}

describe("a configuration file", () => {
  it("sets what its globals are called, imported ones too, and is executed once", async (t) => {
    const { file, executions } = configured(
      "import os\nfrom math import inf as unknown\nworkers = len(os.sep) * 2\nwsgi_app = 'basics'\n",
    );
    const server = await Server.start(t, ["-c", file], { workers: 2 });
    assert.equal(server.booted.length, 2);
    assert.equal(executions(), 1);
  });

  it("is found in the working directory by its name", async (t) => {
    const { directory, file } = configured("raw_env = ['GREETING=hello']\nworkers = 2\n");
    writeFileSync(join(directory, "gunicorn.conf.py"), readFileSync(file));
    writeFileSync(
      join(directory, "app.py"),
      "import os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    return [os.environ['GREETING'].encode()]\n",
    );
    const server = await Server.start(t, ["app"], { cwd: directory, workers: 2 });
    assert.equal((await server.get("/")).body, "hello");
  });

  it("loses against GUNICORN_CMD_ARGS and the command line", async (t) => {
    const { file } = configured("workers = 3\nproc_name = 'file'\naccess_log_format = 'file'\n");
    const env = { GUNICORN_CMD_ARGS: "--access-logformat environment --name environment" };
    const words = ["-c", file, "--name", "words", "--access-logfile", "-", "-w", "1", "basics"];
    const server = await Server.start(t, words, { env });
    assert.equal(await server.running.stdout.find(/./), "environment");
    assert.match(readFileSync(`/proc/${server.pid}/cmdline`, "latin1"), /\[words\]/);
  });

  it("that ends the process that reads it is a start that failed", async (t) => {
    const { file } = configured("import os\nos._exit(7)\n");
    const running = launch(t, ["-c", file, "basics"], { exitCode: 1, trouble: /Error: Python/ });
    assert.deepEqual(await running.waitForExit(), { code: 1, signal: null });
    assert.match(running.stderr.text, /^\nError: Python exited with code 7 while it read .*settings.py\n$/);
  });
});

describe("HUP", () => {
  it("executes the file again, once, and serves with what it says then", async (t) => {
    const { file, write, executions } = configured("workers = 1\n");
    const server = await Server.start(t, ["-c", file, "basics"]);
    write("workers = 3\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 2 is ready/);
    assert.equal(server.booted.length, 4);
    assert.equal(executions(), 2);
  });

  it("leaves everything as it is when the file is broken, says why, and tries again at the next", async (t) => {
    const { file, write } = configured("workers = 1\n");
    const trouble = /Reload failed|Traceback|ZeroDivisionError|Invalid value|^Error: /;
    const server = await Server.start(t, ["-c", file, "basics"], { trouble });
    write("1 / 0\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(
      /ZeroDivisionError: division by zero\. The old settings stay in force\./,
    );
    write("workers = 'many'\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/base 0: 'many'\. The old settings stay in force\./);
    assert.match(server.log, /Reload failed: Invalid value for workers: many/);
    assert.equal(status(await server.get("/")), 200);
    write("workers = 2\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Generation 2 is ready/);
    assert.equal(server.booted.length, 3);
  });

  it("gives up a file that is still being read when another one comes, or the end", async (t) => {
    const { file, write, executions } = configured("workers = 1\n");
    const server = await Server.start(t, ["-c", file, "basics"]);
    write("import time\ntime.sleep(600)\n");
    server.signal("SIGHUP");
    await eventually(() => executions() === 2);
    write("import time\ntime.sleep(601)\n");
    server.signal("SIGHUP");
    await eventually(() => executions() === 3);
    assert.equal(status(await server.get("/")), 200);
  });
});

/** Appends the names of hooks to the file `calls`. */
const NOTING = `
def note(name):
    with open(pathlib.Path(__file__).with_name("calls"), "a") as calls:
        calls.write(name + "\\n")
def on_exit(server): note("on_exit")
def post_fork(server, worker): note(f"post_fork {worker.age}")
`;

describe("hooks", () => {
  it("that raise at HUP leave everything as it is", async (t) => {
    const { file, write } = configured("");
    const trouble = /Reload failed|Traceback|Unhandled exception|ValueError/;
    const server = await Server.start(t, ["-c", file, "basics"], { trouble });
    write("def on_reload(server):\n    raise ValueError('no')\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Reload failed.*Generation 1 serves on/);
    assert.match(server.log, /Unhandled exception in the hook on_reload\n(.*\n)*ValueError: no/);
    write("def pre_fork(server, worker):\n    raise ValueError('no')\n");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Reload failed: the hook pre_fork raised an exception\. Generation 1/);
    assert.equal(status(await server.get("/")), 200);
  });

  it("are there again after the death of the zygote, up to the end", async (t) => {
    const { directory, file } = configured(NOTING);
    const calls = join(directory, "calls");
    const server = await Server.start(t, ["-c", file, "basics"], { trouble: /Zygote/ });
    process.kill(server.parentOf(server.booted[0] as number), "SIGKILL");
    await eventually(() => readFileSync(calls, "utf8").includes("post_fork 2"));
    assert.equal(status(await server.get("/")), 200);
    await server.running.stop();
    assert.equal(readFileSync(calls, "utf8"), "post_fork 1\npost_fork 2\non_exit\n");
  });
});

/** The status of a response, 0 without one. */
function get(path = ""): Promise<number> {
  return ask({ path }, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").then(
    ({ final }) => status(final),
    () => 0,
  );
}

describe("HUP with other settings of the gateway", () => {
  it("takes them over, and the requests in work are finished", async (t) => {
    const { directory, file, write } = configured("");
    const log = join(directory, "access.log");
    const server = await Server.start(t, ["-c", file, "basics"]);
    const client = await server.connect();
    client.send(`POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha`);
    write(`limit_request_line = 60\naccesslog = "${log}"\naccess_log_format = "new %(U)s %(s)s"\n`);
    server.signal("SIGHUP");
    await eventually(async () => status(await server.get(`/echo/${"long".repeat(20)}`)) === 414);
    assert.equal(status(await server.get("/echo/short")), 200);
    await eventually(() => readFileSync(log, "utf8").includes("new /echo/short 200"));
    client.send("lf");
    assert.equal(status(await client.maybeResponse("POST")), 200);
    client.close();
  });

  it("cuts a client that has not finished after graceful_timeout, and only that", async (t) => {
    const { file, write } = configured("graceful_timeout = 1\n");
    const server = await Server.start(t, ["-c", file, "basics"]);
    const endless = await server.connect();
    endless.send("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha");
    const before = await server.child(/tunicorn: gateway/);
    write("graceful_timeout = 1\nlimit_request_line = 60\n");
    server.signal("SIGHUP");
    assert.equal(await endless.rest(), "");
    await server.running.stderr.find(
      new RegExp(`WARNING.*Gateway \\(pid:${before}\\) still has clients after graceful_timeout \\(1 s\\)`),
    );
    await eventually(async () => status(await server.get(`/echo/${"long".repeat(20)}`)) === 414);
  });

  it("says so when the gateway that finishes its requests is killed", async (t) => {
    const { file, write } = configured("");
    const lost = /Gateway \(pid:\d+\) was killed by SIGKILL; its connections are lost\.$/;
    const server = await Server.start(t, ["-c", file, "basics"], { trouble: lost });
    const endless = await server.connect();
    endless.send("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nha");
    const before = await server.child(/tunicorn: gateway/);
    write("limit_request_line = 60\n");
    server.signal("SIGHUP");
    await eventually(async () => status(await server.get(`/echo/${"long".repeat(20)}`)) === 414);
    process.kill(before, "SIGKILL");
    await server.running.stderr.find(lost);
    assert.equal(status(await server.get("/echo")), 200);
  });

  it("listens on other addresses, and no more on those that are gone", async (t) => {
    const { directory, file, write } = configured("");
    const [one, two, three] = ["one", "two", "three"].map((name) => join(directory, name));
    const bind = (...paths: (string | undefined)[]): string =>
      `bind = [${paths.map((path) => `"unix:${path}"`).join(", ")}]\n`;
    const words = ["-c", file, "basics"];
    write(bind(one, two));
    const running = launch(t, words, { trouble: /Reload failed|connection to|Can't connect/ });
    await running.stderr.find(/Listening at/);
    assert.deepEqual(await Promise.all([one, two, three].map(get)), [200, 200, 0]);
    write(bind(two, three));
    running.signal("SIGHUP");
    await running.stderr.find(/Listening at: unix:.*two,unix:.*three$/);
    await eventually(async () => (await get(three)) === 200);
    assert.deepEqual(await Promise.all([one, two, three].map(get)), [0, 200, 200]);
    write(bind(two, join(directory, "no", "directory")));
    running.signal("SIGHUP");
    await running.stderr.find(/Reload failed: an address cannot be had/);
    assert.deepEqual(await Promise.all([one, two, three].map(get)), [0, 200, 200]);
  });

  it("binds anew what a reload that is given up had bound", async (t) => {
    const { directory, file, write } = configured("");
    const [one, two] = ["one", "two"].map((name) => join(directory, name));
    write(`bind = "unix:${one}"\n`);
    const running = launch(t, ["-c", file, "basics"]);
    await running.stderr.find(/Booting worker/);
    const both = `bind = ["unix:${one}", "unix:${two}"]\n`;
    write(`${both}import time\ndef post_fork(server, worker):\n    time.sleep(600)\n`);
    running.signal("SIGHUP");
    await eventually(() => existsSync(two as string));
    write(both);
    running.signal("SIGHUP");
    await running.stderr.find(/Generation 3 is ready/);
    await running.stderr.find(/Listening at: unix:.*one,unix:.*two$/);
    await eventually(async () => (await get(two as string)) === 200);
  });
});
