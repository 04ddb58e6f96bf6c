/**
 * Logs whose way Python decides, beside real Gunicorn's: logging configurations, logger classes and syslog. Lines of several
 * processes are compared without their order.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { ask } from "../support/client.ts";
import { APPS, cleanUp, ofBoth, PROGRAMS, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Differences, type Explanations } from "./support/differences.ts";

const differences = new Differences("log configuration");
const closing: { close(): unknown }[] = [];

after(async () => {
  await cleanUp();
  for (const each of closing) each.close();
});

const CWD = join(APPS, "logging");
const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const DATAGRAMS = join(import.meta.dirname, "support/unix_datagrams.py");
const COMMON = ["--bind", "127.0.0.1:0", "--pythonpath", APPS];
const REQUESTS = [
  "GET /hello?a=1 HTTP/1.1\r\nUser-Agent: agent\r\nX-A: 1\r\nAuthorization: Basic dXNlcjpwYXNz",
  "GET /cookies HTTP/1.1\r\nReferer: http://a/\r\nX-A: 1\r\nX-A: 2",
  "HEAD /no-content HTTP/1.0",
];

interface Case {
  readonly title: string;
  readonly words: readonly string[];
  readonly differs?: Explanations;
}

describe("a configuration of Python's logging", { concurrency: 3 }, () => {
  const cases: readonly Case[] = [
    {
      title: "in JSON, with a formatter that takes the atoms",
      words: ["--log-config-json", "json_lines.json"],
    },
    { title: "in an INI file", words: ["--log-config", "plain.ini"] },
    {
      title: "in JSON before an INI file",
      words: ["--log-config", "plain.ini", "--log-config-json", "json_lines.json"],
    },
    {
      title: "with another format of requests",
      words: ["--log-config", "plain.ini", "--access-logformat", "%(m)6s %(U)s %({x-A}i)s %(x)s 100%%"],
    },
    {
      title: "a logger class",
      words: ["--logger-class", "prefixing.PrefixingLogger", "--access-logfile", "-"],
    },
    { title: "a logger class without an access log", words: ["--logger-class", "prefixing.PrefixingLogger"] },
    { title: "the class `simple`", words: ["--logger-class", "simple", "--access-logfile", "-"] },
    {
      title: "Gunicorn's own class",
      words: ["--logger-class", "gunicorn.glogging.Logger", "--access-logfile", "-"],
    },
  ];
  for (const { title, words, differs } of cases) {
    it(title, async () => {
      const observed = await ofBoth(async (program) => {
        const running = new Running(program, [...COMMON, ...words, "responder"], { cwd: CWD });
        await serve(running);
        const { code } = await running.stop();
        return {
          "exit code": String(code),
          stdout: comparable(running.stdout.lines()),
          stderr: comparable(running.stderr.lines()),
        };
      });
      differences.compare(observed, differs);
    });
  }
});

describe("a mistake in the way of the logs", { concurrency: 3 }, () => {
  const cases: readonly (Case & { readonly isUnlike?: string })[] = [
    { title: "an INI file that is not there", words: ["--log-config", "nope.ini"] },
    { title: "a JSON file that is none", words: ["--log-config-json", "plain.ini"] },
    { title: "an address of syslog that is none", words: ["--log-syslog", "--log-syslog-to", "nope"] },
    {
      title: "a port of syslog that is none",
      words: ["--log-syslog", "--log-syslog-to", "udp://localhost:x"],
    },
    { title: "a facility that is none", words: ["--log-syslog", "--log-syslog-facility", "nope"] },
    {
      title: "a logger class that is not there",
      words: ["--logger-class", "nope.Nope"],
      differs: { error: "log configuration: logger class that is not there" },
    },
  ];
  for (const { title, words, differs } of cases) {
    it(title, async () => {
      const observed = await ofBoth(async (program) => {
        const running = new Running(program, [...COMMON, ...words, "responder"], { cwd: CWD });
        const { code } = await running.waitForExit();
        const errors = running.stderr.lines().filter((line) => /^Error: |Error: /.test(line));
        return { "exit code": String(code), error: errors.join("\n") };
      });
      differences.compare(observed, differs);
    });
  }

  it("a JSON file that is not there", async () => {
    const observed = await ofBoth(async (program) => {
      const running = new Running(program, [...COMMON, "--log-config-json", "nope.json", "responder"], {
        cwd: CWD,
      });
      const line = await running.stderr.find(/Booting worker|Error: /);
      await running.stop();
      return { line: line.replace(/^.*\] /, "").replace(/\d+/, "PID") };
    });
    differences.compareUnlike(observed, "log configuration: JSON file that is not there");
  });
});

const TRANSPORTS: readonly [string, () => Promise<{ readonly address: string; readonly got: string[] }>][] = [
  ["UDP", udpServer],
  ["TCP", tcpServer],
  ["a Unix stream socket", unixServer],
  ["a Unix datagram socket", () => unixDatagramServer("#dgram")],
  ["a Unix datagram socket, without its kind", () => unixDatagramServer("")],
];

describe("syslog", () => {
  for (const [name, words] of [
    ["with its defaults", []],
    ["with a prefix and a facility", ["--log-syslog-prefix", "shop", "--log-syslog-facility", "local3"]],
    ["with a name", ["--name", "a:b"]],
    ["without requests", ["--disable-redirect-access-to-syslog"]],
    ["beside an access log", ["--access-logfile", "-"]],
  ] as const) {
    it(`gets Gunicorn's messages by UDP, ${name}`, () => compareSyslog(udpServer, words));
  }
  for (const [name, start] of TRANSPORTS.slice(1)) {
    it(`gets Gunicorn's messages by ${name}`, () => compareSyslog(start, []));
  }
});

it("shows every documented difference of the log configuration", () => differences.assertAllOccurred());

async function compareSyslog(start: (typeof TRANSPORTS)[number][1], words: readonly string[]): Promise<void> {
  const observed = await ofBoth(async (program) => {
    const { address, got } = await start();
    const to = ["--log-syslog", "--log-syslog-to", address];
    const running = new Running(program, [...COMMON, ...to, ...words, "responder"], { cwd: CWD });
    await serve(running);
    await running.stop();
    await eventually(() => got.join("").includes("Shutting down: Master"));
    return {
      messages: comparable(got.join("").split("\0")),
      stdout: comparable(running.stdout.lines()),
      stderr: comparable(running.stderr.lines()),
    };
  });
  differences.compare(observed);
}

async function udpServer(): ReturnType<(typeof TRANSPORTS)[number][1]> {
  const socket = createSocket("udp4");
  const got: string[] = [];
  socket.on("message", (bytes) => got.push(bytes.toString("utf8")));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  closing.push(socket);
  return { address: `udp://127.0.0.1:${socket.address().port}`, got };
}

async function tcpServer(): ReturnType<(typeof TRANSPORTS)[number][1]> {
  const { server, got } = streamServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return { address: `tcp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, got };
}

async function unixServer(): ReturnType<(typeof TRANSPORTS)[number][1]> {
  const { server, got } = streamServer();
  const path = join(temporaryDirectory(), "syslog");
  server.listen(path);
  await once(server, "listening");
  return { address: `unix://${path}#stream`, got };
}

async function unixDatagramServer(kind: string): ReturnType<(typeof TRANSPORTS)[number][1]> {
  const path = join(temporaryDirectory(), "syslog");
  const receiver = spawn(PYTHON, ["-I", DATAGRAMS, path], { stdio: ["pipe", "pipe", "inherit"] });
  closing.push({ close: () => receiver.stdin.end() });
  const lines = createInterface(receiver.stdout);
  // Without it an early end of the receiver would leave the test waiting.
  const ended = once(receiver, "exit").then(() => Promise.reject(new Error("the receiver has ended")));
  await Promise.race([once(lines, "line"), ended]);
  ended.catch(() => {});
  const got: string[] = [];
  lines.on("line", (line) => got.push(JSON.parse(line)));
  return { address: `unix://${path}${kind}`, got };
}

function streamServer(): { readonly server: Server; readonly got: string[] } {
  const got: string[] = [];
  const server = createServer((socket) => {
    socket.setEncoding("utf8").on("data", (text: string) => got.push(text));
    socket.on("error", () => {});
  });
  closing.push(server);
  return { server, got };
}

async function serve(running: Running): Promise<void> {
  const line = await running.stderr.find(/Listening at: /);
  const port = Number(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  for (const head of REQUESTS) {
    await ask({ host: "127.0.0.1", port }, `${head}\r\nHost: a\r\nConnection: close\r\n\r\n`);
  }
}

/** Times, process ids and names are never the same. */
function comparable(lines: readonly string[]): string {
  const names = new RegExp(`\\b(${PROGRAMS.join("|")}) \\d+(\\.\\d+)+`, "g");
  return lines
    .map((line) =>
      line
        .replace(names, "PROGRAM VERSION")
        .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME")
        .replace(/\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d/g, "TIME")
        .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
        .replace(/\[\d+\]|\(\d+\)|^\d+ |pid: \d+|prefixed \d+/g, "PID"),
    )
    .sort()
    .join("\n");
}
