/**
 * The logs of a running server: what a hostile client can do to them, which requests they leave out, colours,
 * and rotation.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, it, type TestContext } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { ask } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { checkLines, rotationWords, writeAndRotate } from "./support/rotation.ts";
import { APPS, launch, Server } from "./support/server.ts";

after(cleanUp);

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

const ROOT = resolve(import.meta.dirname, "../..");

/** Each says GET /forged HTTP/1.1 in a line of its own, if it is let. */
const HOSTILE: readonly string[] = [
  "GET /echo/%0AGET%20/forged HTTP/1.1\r\nHost: a",
  "GET /echo?%0D%0Aforged HTTP/1.1\r\nHost: a",
  "GET /echo HTTP/1.1\r\nHost: a\r\nUser-Agent: \x80\xff\t\"'\\",
  `GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${btoa('a\n"b":c')}`,
  'GET /echo/%22%5C%00%1B[31m%C2%85%E2%80%A8 HTTP/1.1\r\nHost: a\r\nReferer: "}\r\nX-A: \xe2\x80\xa8',
];

const ATOMS = "hlutrsmUqHbBfaTDMLp"
  .split("")
  .concat(["{x-a}i", "{content-type}o", "{path_info}e", "{http_user_agent}e"]);

for (const [format, isLine] of [
  ["json", (line: string) => typeof JSON.parse(line).status === "number"],
  [`@${ATOMS.map((atom) => `"%(${atom})s"`).join(" ")}@`, (line: string) => /^@[\x20-\x7e]*@$/.test(line)],
] as const) {
  it(`writes one line a request, whatever it says, with ${format.slice(0, 4)}`, async (t) => {
    const server = await Server.start(t, ["--access-logfile", "-", "--access-logformat", format, "basics"]);
    for (const head of HOSTILE) await server.request(`${head}\r\nConnection: close\r\n\r\n`);
    const lines = await server.running.stdout.count(/./, HOSTILE.length + 1);
    assert.equal(lines.length, HOSTILE.length + 1);
    for (const line of lines) assert.ok(isLine(line), line);
  });
}

it("leaves successful health checks out of the access log, and logs those that fail", async (t) => {
  const words = ["/", "/echo/health", "/raises*"].flatMap((path) => ["--access-log-exclude", path]);
  const server = await Server.start(t, [...words, "--access-logfile", "-", "basics"], {
    trouble: /Error handling request|Traceback/,
  });
  await server.get("/echo/health?a");
  await server.get("/echo/healthy");
  await server.get("/raises");
  const lines = await server.running.stdout.count(/GET /, 2);
  assert.deepEqual(
    lines.map((line) => /"(.*?) HTTP\/1.1" (\d+)/.exec(line)?.slice(1)),
    [
      ["GET /echo/healthy", "200"],
      ["GET /raises", "500"],
    ],
  );
});

/** Runs Tunicorn on a terminal of its own, until it fails, and returns what the terminal got. */
function onTerminal(env: NodeJS.ProcessEnv): string {
  const script = "import pty, sys; pty.spawn(sys.argv[1:])";
  const words = [join(ROOT, "bin/tunicorn"), "--bind", "127.0.0.1:0", "no_such_module"];
  const { stdout } = spawnSync(join(ROOT, ".venv/bin/python"), ["-c", script, ...words], {
    cwd: APPS,
    env: { PATH: process.env.PATH, VIRTUAL_ENV: join(ROOT, ".venv"), TERM: "xterm", ...env },
    encoding: "utf8",
  });
  return stdout;
}

/** A Tunicorn that serves on a terminal of its own; Ctrl-C once `pattern` has been printed. */
async function untilPrinted(t: TestContext, pattern: RegExp): Promise<string> {
  const script = "import pty, sys; pty.spawn(sys.argv[1:])";
  const words = [
    join(ROOT, "bin/tunicorn"),
    "--bind",
    "127.0.0.1:0",
    "--workers",
    "2",
    "--timeout",
    "0",
    "basics",
  ];
  const terminal = spawn(join(ROOT, ".venv/bin/python"), ["-c", script, ...words], {
    cwd: APPS,
    env: { PATH: process.env.PATH, VIRTUAL_ENV: join(ROOT, ".venv"), TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let text = "";
  // The loss of its terminal is a HUP, which would not end it.
  t.after(() => {
    if (terminal.exitCode !== null) return;
    process.kill(Number(/\[(\d+)\] \[.*Starting/.exec(text)?.[1]), "SIGKILL");
    terminal.kill("SIGKILL");
  });
  terminal.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await eventually(() => pattern.test(text));
  terminal.stdin.write("\x03");
  await once(terminal, "close");
  return text;
}

it("tells on a terminal what is served, when it is", async (t) => {
  const text = stripVTControlCharacters(await untilPrinted(t, /timeout is 0/));
  assert.match(text, /basics is served by Tunicorn \d/);
  assert.match(text, /\n {4}at {7}http:\/\/127\.0\.0\.1:\d+\r/);
  assert.match(text, /\n {4}by {7}2 workers \(sync\)\r/);
  assert.match(text, /\n {4}in {7}Python 3\.\d+\.\d+\S*, \/.*\/python\r/);
  assert.match(text, /Shutting down: Master/);
});

it("tells nothing of the kind elsewhere", async (t) => {
  const server = await Server.start(t, ["basics"]);
  assert.doesNotMatch(server.log, /served by|hint:/);
});

it("has coloured levels on a terminal, in lines of Node and of Python", () => {
  const text = onTerminal({});
  assert.match(text, /\[\x1b\[32mINFO\x1b\[39m\] Starting tunicorn/);
  assert.match(text, /\[\x1b\[32mINFO\x1b\[39m\] Booting worker/);
  assert.match(text, /\[\x1b\[31mERROR\x1b\[39m\] Exception in worker process/);
});

it("has no colours on a terminal with NO_COLOR", () => {
  const text = onTerminal({ NO_COLOR: "1" });
  assert.match(text, /\[INFO\] Booting worker/);
  assert.doesNotMatch(text, /\x1b\[3/);
});

it("loses and tears no line of the access log when it is rotated under load", async (t) => {
  const directory = temporaryDirectory();
  const server = await Server.start(t, [...rotationWords(directory), "--workers", "2", "basics"], {
    workers: 2,
  });
  const { requests, rotations } = await writeAndRotate({
    address: server.address,
    directory,
    bytes: 6e6,
    intervalMs: 20,
    reopen: () => server.signal("SIGUSR1"),
  });
  assert.equal((await server.running.stop()).code, 0);
  assert.equal(checkLines(directory, requests), rotations + 1);
  assert.ok(rotations > 1, "it was not rotated");
});

for (const signal of ["SIGUSR1", "SIGHUP"] as const) {
  it(`opens both logs again at ${signal}, in every process`, async (t) => {
    const directory = temporaryDirectory();
    const [access, error, old] = ["access", "error", "old"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const words = [
      "--bind",
      `unix:${directory}/socket`,
      "--access-logfile",
      access,
      "--error-logfile",
      error,
    ];
    const running = launch(t, [...words, "basics"]);
    await eventually(() => existsSync(error) && /Booting worker/.test(readFileSync(error, "utf8")));
    const server = { path: join(directory, "socket") };
    await ask(server, request("/raises"));
    for (const path of [access, error]) renameSync(path, path === error ? old : `${access}.1`);
    running.signal(signal);
    await eventually(() => existsSync(access) && existsSync(error));
    // A worker that is forked from now on has the new file from its zygote.
    running.signal("SIGTTIN");
    await eventually(() => /Booting worker/.test(readFileSync(error, "utf8")));
    const before = readFileSync(old, "utf8");
    await ask(server, request("/raises?again"));
    await eventually(() => /raises\?again/.test(readFileSync(access, "utf8")));
    await eventually(() => /Error handling request GET \/raises\?again/.test(readFileSync(error, "utf8")));
    assert.equal(readFileSync(old, "utf8"), before);
    await running.stop();
    assert.match(readFileSync(error, "utf8"), /Shutting down: Master/);
  });
}

it("sends what is printed to the error log's file with --capture-output, also after a rotation", async (t) => {
  const directory = temporaryDirectory();
  const path = join(directory, "error");
  const application = join(directory, "printing.py");
  writeFileSync(
    application,
    `import os, sys
def application(environ, start_response):
    query = environ["QUERY_STRING"]
    print("printed " + query, flush=True)
    os.system("echo by a child " + query)
    sys.stderr.write("to stderr " + query + "\\n")
    start_response("200 OK", [])
    return []
`,
  );
  const words = ["--bind", `unix:${directory}/socket`, "--error-logfile", path, "--capture-output"];
  const running = launch(t, [...words, "printing"], { cwd: directory });
  await eventually(() => existsSync(path) && /Booting worker/.test(readFileSync(path, "utf8")));
  const hasAll = (query: string): boolean => {
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return ["printed", "by a child", "to stderr"].every((what) => text.includes(`${what} ${query}\n`));
  };
  await ask({ path: `${directory}/socket` }, request("/?one"));
  await eventually(() => hasAll("one"));
  renameSync(path, `${path}.1`);
  running.signal("SIGUSR1");
  await eventually(() => existsSync(path));
  await eventually(async () => {
    await ask({ path: `${directory}/socket` }, request("/?two"));
    return hasAll("two");
  });
  await running.stop();
  assert.equal(running.stdout.text + running.stderr.text, "");
});
