/**
 * The access log beside real Gunicorn's: one request each way, the line of the default format as a whole and every atom
 * by itself. Times and process ids are compared by their form.
 */
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Address, ask } from "../support/client.ts";
import {
  cleanUp,
  ofBoth,
  type Pair,
  type Program,
  startBoth,
  temporaryDirectory,
} from "../support/programs.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";

interface Case {
  readonly title: string;
  readonly request: string;
  /** By atom; `line` is the line of the default format, `lines` their number. */
  readonly differs?: Explanations;
  readonly isUnlike?: string;
}

const differences = new Differences("access log");

const ATOMS = [
  ...["h", "l", "u", "t", "r", "s", "m", "U", "q", "H", "b", "B", "f", "a", "T", "D", "M", "L", "p"],
  ...["{X-A}i", "{missing}i", "{content-type}o", "{Set-Cookie}o", "{server}o", "{missing}o", "unknown"],
];
const SEPARATOR = " | ";
const FORMAT = ATOMS.map((atom) => `%(${atom})s`).join(SEPARATOR);

// What several cases have in common. The line of the default format shows the same as its atom.
const BACKSLASH = "access log: backslash in a field";
const CONTROL = "access log: control character in a field";
const LATIN = "access log: byte outside of ASCII in a field";
const LATIN_USER = "access log: user outside of ASCII";
const FILE = "access log: bytes of a file";
const NO_START = "access log: missing start_response";
const NO_PATH: Explanations = { U: "access log: %(U)s of a request that fails" };
const REFUSED_PATH: Explanations = { U: "access log: %(U)s of a request that is refused" };

function request(line: string, ...fields: readonly string[]): string {
  return `${[line, "Host: localhost", "Connection: close", ...fields].join("\r\n")}\r\n\r\n`;
}

const CASES: readonly Case[] = [
  {
    title: "a query, a referer and an agent",
    request: request(
      "GET /hello?a=1&b HTTP/1.1",
      "User-Agent: agent/1.0 (x; y)",
      "Referer: http://localhost/",
    ),
  },
  { title: "no query", request: request("GET /hello HTTP/1.1") },
  { title: "HTTP/1.0", request: request("GET /hello HTTP/1.0") },
  { title: "a body", request: `${request("POST /reads HTTP/1.1", "Content-Length: 5")}hello` },
  { title: "HEAD", request: request("HEAD /hello HTTP/1.1") },
  { title: "a percent-encoded path", request: request("GET /%68ello HTTP/1.1") },
  {
    title: "a line break in the path",
    request: request("GET /hello%0Aforged HTTP/1.1"),
    isUnlike: "access log: line break in the path",
  },
  {
    title: "bytes outside of ASCII in the path",
    request: request("GET /hello/%C3%A9 HTTP/1.1"),
    differs: { U: "access log: byte outside of ASCII in the path" },
  },
  {
    title: "quotes and backslashes",
    request: request("GET /hello HTTP/1.1", 'User-Agent: a "b" c\\d', "X-A: c\\d"),
    differs: { a: BACKSLASH, "{X-A}i": BACKSLASH, line: BACKSLASH },
  },
  {
    title: "a tab",
    request: request("GET /hello HTTP/1.1", "User-Agent: a\tb"),
    differs: { a: CONTROL, line: CONTROL },
  },
  {
    title: "bytes outside of ASCII",
    request: request("GET /hello HTTP/1.1", "User-Agent: \xe9", "Referer: \xe9"),
    differs: { a: LATIN, f: LATIN, line: LATIN },
  },
  { title: "empty fields", request: request("GET /hello HTTP/1.1", "User-Agent:", "Referer:", "X-A:") },
  { title: "repeated fields", request: request("GET /hello HTTP/1.1", "X-A: 1", "X-A: 2") },
  { title: "a user", request: request("GET /hello HTTP/1.1", "Authorization: Basic dXNlcjpwYXNz") },
  {
    title: "a user without a password",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic dXNlcg=="),
  },
  { title: "an empty user", request: request("GET /hello HTTP/1.1", "Authorization: Basic OnBhc3M=") },
  {
    title: "credentials that are not Base64",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic %%%"),
  },
  {
    title: "credentials with incomplete Base64",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic dXNlcg"),
  },
  {
    title: "a user that is not UTF-8",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic 6Tpw"),
  },
  {
    title: "a user outside of ASCII",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic w6k6cA=="),
    differs: { u: LATIN_USER, line: LATIN_USER },
  },
  {
    title: "a line break in the user",
    request: request("GET /hello HTTP/1.1", "Authorization: Basic YQpiOnA="),
    isUnlike: "access log: line break in the user",
  },
  {
    title: "another scheme of authentication",
    request: request("GET /hello HTTP/1.1", "Authorization: Bearer dXNlcjpwYXNz"),
  },
  {
    title: "https of a proxy",
    request: request("GET /hello HTTP/1.1", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"),
  },
  { title: "an absolute-form target", request: request("GET http://localhost/hello?x HTTP/1.1") },
  { title: "a generator", request: request("GET /generated HTTP/1.1") },
  { title: "a file", request: request("GET /file HTTP/1.1"), differs: { b: FILE, B: FILE, line: FILE } },
  { title: "a body longer than its length", request: request("GET /too-long HTTP/1.1") },
  { title: "a body shorter than its length", request: request("GET /too-short HTTP/1.1") },
  { title: "a status without a reason", request: request("GET /no-reason HTTP/1.1") },
  { title: "no content", request: request("GET /no-content HTTP/1.1") },
  { title: "not modified", request: request("GET /not-modified HTTP/1.1") },
  { title: "repeated response fields", request: request("GET /cookies HTTP/1.1") },
  { title: "early hints", request: request("GET /hints HTTP/1.1") },
  { title: "an error of the application", request: request("GET /raising HTTP/1.1"), differs: NO_PATH },
  {
    title: "an error after the start",
    request: request("GET /raising-after-start HTTP/1.1"),
    differs: NO_PATH,
  },
  { title: "an error in the body", request: request("GET /raising-in-body HTTP/1.1") },
  {
    title: "a missing start_response",
    request: request("GET /never-started HTTP/1.1"),
    differs: { s: NO_START, b: NO_START, B: NO_START, line: NO_START },
  },
  { title: "a request line that is none", request: "GET /hello\r\n\r\n" },
  { title: "a field that is none", request: request("GET /hello HTTP/1.1", "X A: 1") },
  {
    title: "Content-Length that is no number",
    request: request("POST /hello HTTP/1.1", "Content-Length: x"),
    differs: REFUSED_PATH,
  },
  {
    title: "Content-Length and chunked",
    request: request("POST /hello HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
    differs: REFUSED_PATH,
  },
  {
    title: "a chunk that is none",
    request: `${request("POST /reads HTTP/1.1", "Transfer-Encoding: chunked")}zz\r\n`,
    differs: { U: "access log: %(U)s of a request with a broken body" },
  },
  {
    title: "an unknown expectation",
    request: request("GET /hello HTTP/1.1", "Expect: tea"),
    isUnlike: "access log: unknown expectation",
  },
  {
    title: "a path outside of SCRIPT_NAME",
    request: request("GET /hello HTTP/1.1", "SCRIPT_NAME: /x"),
    differs: REFUSED_PATH,
  },
];

const COMMON = ["--bind", "127.0.0.1:0", "--access-logfile", "-"];
const LISTENERS = ["TCP", "a Unix socket"];
let byAtoms: Pair;
let byDefault: Pair;
let marks = 0;

before(() => {
  const socket = (program: Program): string => `unix:${join(temporaryDirectory(), program)}`;
  byAtoms = startBoth((program) => [
    ...COMMON,
    "--bind",
    socket(program),
    "--access-logformat",
    FORMAT,
    "responder",
  ]);
  byDefault = startBoth((program) => [...COMMON, "--bind", socket(program), "responder"]);
});
after(cleanUp);

for (const [nr, listener] of LISTENERS.entries()) {
  describe(`the access log over ${listener}`, () => {
    for (const each of CASES) {
      it(each.title, async () => {
        const observed = await ofBoth(async (program) => {
          const atoms = await linesOf(byAtoms, program, nr, each.request);
          const whole = await linesOf(byDefault, program, nr, each.request);
          return { ...atomAspects(atoms), line: whole.map(withoutTime).join("\n") };
        });
        if (each.isUnlike === undefined) differences.compare(observed, each.differs);
        else differences.compareUnlike(observed, each.isUnlike);
      });
    }
  });
}

const VARIABLES = [
  ...["request_method", "Query_String", "RAW_URI", "SERVER_PROTOCOL", "SCRIPT_NAME", "PATH_INFO"],
  ...["REMOTE_ADDR", "wsgi.url_scheme", "HTTP_X_A", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_COOKIE"],
  ...["SERVER_NAME", "HTTP_HOST", "REMOTE_USER", "missing"],
];

describe("the access log in other formats", () => {
  const text = request(
    "POST /%68ello?a=1&b HTTP/1.1",
    "X-A: 1",
    "X-A: 2",
    "Content-Type: text/plain",
    "Content-Length: 0",
    'Cookie: a="b"',
    "X-Forwarded-Proto: https",
    "Authorization: Basic dXNlcjpwYXNz",
  );
  for (const [title, format, row] of [
    ["variables of the environ", `${VARIABLES.map((name) => `%({${name}}e)s`).join(SEPARATOR)} %(r)s`],
    ["variables that are objects", "%({wsgi.version}e)s of %(r)s", "access log: %({name}e)s of an object"],
    [
      "widths, precisions and numbers",
      "[%(s)5s|%(m)-6s|%(m).2s|%(B)04d|%(B)5d|%(H)12.6s|%(x)3s] 100%% %(r)s",
    ],
  ] as const) {
    it(title, async () => {
      const pair = startBoth(() => [...COMMON, "--access-logformat", format, "responder"]);
      const observed = await ofBoth(async (program) => ({
        line: (await linesOf(pair, program, 0, text)).join("\n"),
      }));
      differences.compare(observed, row === undefined ? {} : { line: row });
    });
  }
});

it("shows every documented difference of the access log", () => differences.assertAllOccurred());

/** What is logged up to the line of a request that follows. */
async function linesOf(
  pair: Pair,
  program: Program,
  listener: number,
  text: string,
): Promise<readonly string[]> {
  const { stdout } = pair[program];
  const address = (await pair[program].addresses())[listener] as Address;
  const first = stdout.lines().length;
  const mark = `/mark?${++marks}`;
  await ask(address, text);
  await ask(address, request(`GET ${mark} HTTP/1.1`));
  await stdout.find(new RegExp(`GET ${mark.replace("?", "\\?")} `), first);
  const lines = stdout.lines(first);
  return lines.slice(
    0,
    lines.findIndex((line) => line.includes(mark)),
  );
}

function atomAspects(lines: readonly string[]): Observation {
  const values = lines.map((line) => line.split(SEPARATOR));
  const aspects = ATOMS.map((atom, nr) => [
    atom,
    values.map((each) => comparable(atom, each[nr] ?? "nothing")).join("\n"),
  ]);
  return { lines: `${lines.length} lines`, ...Object.fromEntries(lines.length === 0 ? [] : aspects) };
}

/** How the atoms that cannot be equal must look. */
const FORMS: Readonly<Record<string, RegExp>> = {
  t: /^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]$/,
  T: /^\d+$/,
  D: /^\d+$/,
  M: /^\d+$/,
  L: /^\d+\.\d{6}$/,
  p: /^<\d+>$/,
};

function comparable(atom: string, value: string): string {
  return FORMS[atom]?.test(value) === true ? "as it should look" : value.replaceAll("\t", "<TAB>");
}

function withoutTime(line: string): string {
  return line
    .replace(/\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/, "[TIME]")
    .replaceAll("\t", "<TAB>");
}
