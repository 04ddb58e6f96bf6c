/**
 * What clients get for what an application answers (apps/responder.py), byte for byte beside real Gunicorn's, and what
 * the error log says of it.
 */
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Address, type Answer, ask, Client, maybeAnswer, type Response } from "../support/client.ts";
import { type Both, cleanUp, ofBoth, type Pair, type Program, startBoth } from "../support/programs.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";
import { comparableLog } from "./support/printed-text.ts";

interface Case {
  readonly title: string;
  readonly request: string;
  readonly differs?: Explanations;
  /** The row for answers that have nothing in common. */
  readonly isUnlike?: string;
}

interface RequestParts {
  readonly method?: string;
  readonly version?: string;
  readonly fields?: readonly string[];
  readonly body?: string;
}

function request(
  path: string,
  { method = "GET", version = "1.1", fields = [], body = "" }: RequestParts = {},
): string {
  return `${[`${method} /${path} HTTP/${version}`, "Host: localhost", ...fields].join("\r\n")}\r\n\r\n${body}`;
}

const differences = new Differences("response");

// What several cases have in common.
const WHOLE_BODY: Explanations = { answer: "response: Content-Length of a whole body" };
const NO_BODY: Explanations = { log: "response: log of a body that is dropped" };
const IN_BODY: Explanations = { log: "response: log of an error after the head" };
const STATUS: Explanations = { log: "response: log of an invalid status" };
const NAME: Explanations = { log: "response: log of an invalid header name" };
const VALUE: Explanations = { log: "response: log of an invalid header value" };
const NO_BYTES = "response: items that are not bytes";
const BAD_LENGTH = "response: Content-Length that is not digits";

type Difference = Pick<Case, "differs" | "isUnlike">;

/** Of the cases that are known by their path alone. */
const DIFFERS: Readonly<Record<string, Difference>> = {
  "no-content-with-body": { differs: NO_BODY },
  "not-modified-with-body": { differs: NO_BODY },
  "no-reason": { differs: { answer: "response: status without a reason" } },
  "short-status": { differs: STATUS },
  "text-status": { differs: STATUS },
  "glued-status": { differs: STATUS },
  "broken-status": { differs: STATUS },
  "wide-status": { differs: STATUS },
  "early-status": { isUnlike: "response: a status that is not final" },
  "own-connection-close": { differs: { answer: "response: Connection: close of the application" } },
  upgrade: { differs: { answer: "response: Connection: upgrade of the application" } },
  "space-in-name": { differs: NAME },
  "empty-name": { differs: NAME },
  "wide-name": { differs: NAME },
  "newline-in-value": { differs: VALUE },
  "newline-after-value": { differs: VALUE },
  "nul-in-value": { differs: VALUE },
  "wide-value": { differs: VALUE },
  "length-no-number": { differs: { log: "response: log of an invalid Content-Length" } },
  "length-negative": { isUnlike: BAD_LENGTH },
  "length-with-plus": { isUnlike: BAD_LENGTH },
  "length-underscored": { isUnlike: BAD_LENGTH },
  "length-twice": { differs: { answer: "response: Content-Length twice" } },
  "length-contradictory": { isUnlike: "response: contradictory Content-Length" },
  "exc-info-instead": {
    differs: { answer: "response: headers after exc_info", body: "response: headers after exc_info" },
  },
  "exc-info-too-late": { differs: IN_BODY },
  "never-started": { differs: { log: "response: log of a missing start_response" } },
  "never-started-and-empty": { differs: { log: "response: log of a missing start_response" } },
  "raising-in-body": { differs: IN_BODY },
  "raising-in-body-with-length": { differs: IN_BODY },
  "raising-in-close": {
    differs: { ...IN_BODY, answer: "response: connection after an error in close()" },
  },
  exiting: { isUnlike: "response: SystemExit" },
  "returning-bytes": { isUnlike: NO_BYTES },
  "returning-text": { isUnlike: NO_BYTES },
  "returning-text-second": { isUnlike: NO_BYTES },
  "hints-invalid": { differs: NAME },
};

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "the length of the body": [
    { title: "a list and its length", request: request("hello") },
    {
      title: "a list of several items without a length",
      request: request("without-length"),
      differs: WHOLE_BODY,
    },
    { title: "a tuple without a length", request: request("tuple-without-length"), differs: WHOLE_BODY },
    { title: "a generator", request: request("generated") },
    { title: "a generator and its length", request: request("generated-with-length") },
    { title: "start_response called by the generator", request: request("started-late") },
    { title: "an empty list", request: request("empty-list"), differs: WHOLE_BODY },
    { title: "an empty item", request: request("empty-item"), differs: WHOLE_BODY },
    { title: "an empty generator", request: request("empty-generator"), differs: WHOLE_BODY },
    { title: "length 0", request: request("empty-with-length") },
    { title: "a list longer than its length", request: request("too-long") },
    { title: "a generator longer than its length", request: request("too-long-generated") },
    {
      title: "a list shorter than its length",
      request: request("too-short"),
      differs: { answer: "response: list shorter than its Content-Length" },
    },
    { title: "a generator shorter than its length", request: request("too-short-generated") },
    { title: "an iterable with close()", request: request("closed") },
    { title: "a large body", request: request("large") },
    { title: "a file", request: request("file") },
    { title: "a file without a length", request: request("file-without-length") },
    {
      title: "a file in memory",
      request: request("file-in-memory"),
      differs: { answer: "response: block size of wsgi.file_wrapper" },
    },
    { title: "write()", request: request("written") },
    { title: "write() and a list", request: request("written-and-returned") },
    { title: "write() of text", request: request("written-as-text"), isUnlike: NO_BYTES },
  ],
  "HTTP/1.0": [
    { title: "a list and its length", request: request("hello", { version: "1.0" }) },
    {
      title: "a list without a length",
      request: request("without-length", { version: "1.0" }),
      differs: { answer: "response: Content-Length of a whole body, HTTP/1.0" },
    },
    { title: "a generator", request: request("generated", { version: "1.0" }) },
    {
      title: "keep-alive asked for, with a length",
      request: request("hello", { version: "1.0", fields: ["Connection: keep-alive"] }),
    },
    {
      title: "keep-alive asked for, without a length",
      request: request("generated", { version: "1.0", fields: ["Connection: keep-alive"] }),
    },
    { title: "early hints", request: request("hints", { version: "1.0" }) },
    {
      title: "HTTP/1.2",
      request: request("hello", { version: "1.2" }),
      differs: { answer: "response: HTTP version above 1.1" },
    },
  ],
  "the connection": [
    { title: "close asked for", request: request("hello", { fields: ["Connection: close"] }) },
    {
      title: "close asked for in capitals, among others",
      request: request("hello", { fields: ["Connection: x, CLOSE"] }),
      differs: { answer: "response: close among other connection options" },
    },
    { title: "keep-alive asked for", request: request("hello", { fields: ["Connection: keep-alive"] }) },
    {
      title: "a body that the application does not read",
      request: request("hello", { method: "POST", fields: ["Content-Length: 3"], body: "abc" }),
    },
    { title: "a request sent ahead", request: request("hello") + request("hello") },
    { title: "CONNECT", request: "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n" },
  ],
  "responses without a body": [
    {
      title: "HEAD of a list with its length",
      request: request("hello", { method: "HEAD" }),
      differs: NO_BODY,
    },
    {
      title: "HEAD of a list without a length",
      request: request("without-length", { method: "HEAD" }),
      differs: NO_BODY,
    },
    { title: "HEAD of a generator", request: request("generated", { method: "HEAD" }), differs: NO_BODY },
    { title: "HEAD of an empty list", request: request("empty-list", { method: "HEAD" }) },
    {
      title: "HEAD in HTTP/1.0",
      request: request("without-length", { method: "HEAD", version: "1.0" }),
      differs: NO_BODY,
    },
    ...["no-content", "no-content-with-body", "reset-content"].map(plain),
    ...["not-modified", "not-modified-with-length", "not-modified-with-body"].map(plain),
  ],
  "the status": [
    ...["no-reason", "empty-reason", "own-reason", "latin-reason", "unknown-code", "not-found"],
    ...["short-status", "text-status", "glued-status", "broken-status", "wide-status", "early-status"],
    ...["number-status", "bytes-status", "no-status"],
  ].map(plain),
  "header fields": [
    ...[
      "cookies",
      "order-and-case",
      "padded-value",
      "empty-value",
      "latin-value",
      "header-list",
      "headers-as-tuple",
    ],
    ...[
      "own-server",
      "own-date",
      "own-connection-close",
      "own-connection-keep-alive",
      "own-chunked",
      "hop-by-hop",
    ],
    ...["upgrade", "space-in-name", "empty-name", "wide-name", "newline-in-value", "newline-after-value"],
    ...["nul-in-value", "wide-value", "number-value", "bytes-value", "bytes-name", "triple"],
    ...["length-no-number", "length-negative", "length-with-plus", "length-underscored", "length-padded"],
    ...["length-twice", "length-contradictory"],
  ].map(plain),
  exc_info: ["exc-info-first", "exc-info-instead", "exc-info-too-late", "started-twice"].map(plain),
  errors: [
    ...["never-started", "never-started-and-empty", "raising", "raising-after-start", "raising-in-iteration"],
    ...["raising-in-body", "raising-in-body-with-length", "raising-in-close", "exiting"],
    ...["returning-none", "returning-bytes", "returning-text", "returning-text-second"],
  ].map(plain),
  "early hints": ["hints", "hints-in-body", "hints-invalid"].map(plain),
  "input and errors": [
    {
      title: "reading",
      request: request("reads", {
        method: "POST",
        fields: ["Content-Length: 16"],
        body: "abcd\nefg\nh\ni\njkl",
      }),
    },
    {
      title: "reading chunks",
      request: request("reads", {
        method: "POST",
        fields: ["Transfer-Encoding: chunked"],
        body: "6\r\nabcd\ne\r\na\r\nfg\nh\ni\njkl\r\n0\r\n\r\n",
      }),
    },
    {
      title: "iterating",
      request: request("iterates", { method: "POST", fields: ["Content-Length: 8"], body: "ab\ncd\n\ne" }),
    },
    { title: "reading what is not there", request: request("reads") },
    { title: "wsgi.errors", request: request("complains") },
    {
      title: "Expect: 100-continue",
      request: request("hello", {
        method: "POST",
        fields: ["Expect: 100-continue", "Content-Length: 1"],
        body: "x",
      }),
    },
  ],
  "refused requests": [
    { title: "no version", request: "GET /\r\n\r\n" },
    { title: "method in lower case", request: "get / HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { title: "HTTP/3.0", request: "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n" },
    { title: "line feed alone", request: "GET / HTTP/1.1\nHost: localhost\n\n" },
    { title: "space in a name", request: "GET / HTTP/1.1\r\nHost: localhost\r\nX A: 1\r\n\r\n" },
    { title: "space after a name", request: "GET / HTTP/1.1\r\nHost: localhost\r\nX-A : 1\r\n\r\n" },
    { title: "no colon", request: "GET / HTTP/1.1\r\nHost: localhost\r\nX-A\r\n\r\n" },
    { title: "NUL in a value", request: "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: \0\r\n\r\n" },
    { title: "folded field", request: "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n 2\r\n\r\n" },
    {
      title: "request line too long",
      request: `GET /${"a".repeat(4100)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    },
    {
      title: "field too long",
      request: `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(8200)}\r\n\r\n`,
    },
    { title: "too many fields", request: `GET / HTTP/1.1\r\n${"X-A: 1\r\n".repeat(101)}\r\n` },
    {
      title: "Content-Length that is no number",
      request: "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n",
    },
    {
      title: "Content-Length and chunked",
      request:
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    },
    { title: "chunked in HTTP/1.0", request: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
    {
      title: "unknown transfer coding",
      request: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xyz, chunked\r\n\r\n",
      differs: { answer: "response: reason of 501", body: "response: reason of 501" },
    },
    {
      title: "unknown expectation",
      request: "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx",
    },
    {
      title: "chunk size that is no number",
      request: request("reads", {
        method: "POST",
        fields: ["Transfer-Encoding: chunked"],
        body: "zz\r\nhello\r\n0\r\n\r\n",
      }),
    },
    {
      title: "chunk without its end",
      request: request("reads", {
        method: "POST",
        fields: ["Transfer-Encoding: chunked"],
        body: "5\r\nhelloXX0\r\n\r\n",
      }),
    },
    { title: "HTML in the target", request: "GET <b>\"&' HTTP/1.1\r\nHost: localhost\r\n\r\n" },
  ],
};

function plain(path: string): Case {
  return { title: path.replaceAll("-", " "), request: request(path), ...DIFFERS[path] };
}

const SYNC: readonly Case[] = [
  {
    title: "HTTP/1.1",
    request: request("hello"),
    differs: { answer: "response: keep-alive of the sync worker" },
  },
  {
    title: "HTTP/1.0 that asks for keep-alive",
    request: request("hello", { version: "1.0", fields: ["Connection: keep-alive"] }),
    differs: { answer: "response: keep-alive of the sync worker" },
  },
  { title: "HTTP/1.0", request: request("hello", { version: "1.0" }) },
  { title: "close asked for", request: request("hello", { fields: ["Connection: close"] }) },
];

const KEEP_ALIVE_0: readonly Case[] = [
  { title: "HTTP/1.1", request: request("hello") },
  { title: "keep-alive asked for", request: request("hello", { fields: ["Connection: keep-alive"] }) },
  { title: "a generator", request: request("generated") },
];

let pair: Pair;
const addresses = new Map<Program, Address>();
let marks = 0;

const THREADS = ["--worker-class", "gthread"];
describe("with threads,", () => {
  serveWith([...THREADS, "--keep-alive", "1"]);
  for (const [title, cases] of Object.entries(CASES)) describe(title, () => compareCases(cases));
});
describe("with the sync worker,", () => {
  serveWith([]);
  describe("the connection", () => compareCases(SYNC));
});
describe("with keepalive 0,", () => {
  serveWith([...THREADS, "--keep-alive", "0"]);
  describe("the connection", () => compareCases(KEEP_ALIVE_0));
});

it("shows every documented difference of the responses", () => differences.assertAllOccurred());

after(cleanUp);

function serveWith(words: readonly string[]): void {
  before(async () => {
    pair = startBoth(() => ["--bind", "127.0.0.1:0", ...words, "responder"]);
    await ofBoth(async (program) => {
      addresses.set(program, await pair[program].address());
      await pair[program].stderr.find(/Booting worker/);
    });
  });
  after(async () => {
    await ofBoth((program) => pair[program].stop());
  });
}

function compareCases(cases: readonly Case[]): void {
  for (const each of cases) {
    it(each.title, async () => {
      const mark = ++marks;
      const observed = await ofBoth((program) => observe(program, each.request, mark));
      if (each.isUnlike !== undefined) differences.compareUnlike(observed, each.isUnlike);
      else differences.compare(observed, withServer(each.differs ?? {}, observed));
    });
  }
}

/** Every response but the error pages names the server. */
function withServer(explanations: Explanations, { gunicorn }: Both<Observation>): Explanations {
  if (gunicorn.answer?.includes("\nServer: ") !== true) return explanations;
  return { ...explanations, answer: ["response: Server", explanations.answer ?? []].flat() };
}

/** Of refused requests one line a second is written (docs/differences.md). */
const REFUSAL_LINES_MS = 1000;
let refusedMs = Number.NEGATIVE_INFINITY;

/** The log up to a line that the application is asked to write. */
async function observe(program: Program, text: string, mark: number): Promise<Observation> {
  const { stderr } = pair[program];
  const sinceRefusedMs = performance.now() - refusedMs;
  if (program === "tunicorn" && sinceRefusedMs < REFUSAL_LINES_MS)
    await pause(REFUSAL_LINES_MS - sinceRefusedMs);
  const first = stderr.lines().length;
  const client = await Client.connect(addresses.get(program) as Address);
  client.send(text);
  const answer = await maybeAnswer(client, text.slice(0, text.indexOf(" ")));
  const isKept = await takesAnother(client);
  client.close();
  await ask(addresses.get(program) as Address, request(`mark?${mark}`, { fields: ["Connection: close"] }));
  await stderr.find(new RegExp(`^mark ${mark}$`), first);
  const lines = stderr.lines(first);
  // Without a line too: it may be that it came in the second of another one.
  if (program === "tunicorn" && answer.final?.statusLine.startsWith("HTTP/1.1 2") !== true)
    refusedMs = performance.now();
  return {
    answer: [...answerLines(answer), `connection ${isKept ? "kept" : "closed"}`].join("\n"),
    body: answer.final?.body,
    log: comparableLog(lines.slice(0, lines.indexOf(`mark ${mark}`))),
  };
}

async function takesAnother(client: Client): Promise<boolean> {
  client.send(request("hello", { fields: ["Connection: close"] }));
  const next = await client.maybeResponse("GET");
  return next?.statusLine === "HTTP/1.1 200 OK" && next.body === "hello";
}

/** Status lines and fields, and how the body was framed where that is not Content-Length. */
function answerLines({ interim, final }: Answer): readonly string[] {
  const responses = final === undefined ? interim : [...interim, final];
  return [
    ...responses.flatMap(({ statusLine, fields }) => [statusLine, ...fields.map(withoutDate)]),
    ...(final === undefined ? ["no response"] : framingLines(final)),
  ];
}

function framingLines({ framing, chunks }: Response): readonly string[] {
  switch (framing) {
    case "chunked":
      return [`in chunks of ${chunks.join(" ")}`];
    case "cut":
      return ["cut short"];
    case "close":
      return ["up to the end of the connection"];
    case "length":
    case "none":
      return [];
    default:
      return framing satisfies never;
  }
}

function withoutDate(field: string): string {
  return field.replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, "Date: now");
}
