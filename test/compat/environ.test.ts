/**
 * The environ that an application gets, key by key, beside real Gunicorn's: the example applications behind
 * apps/recorder.py, which answers with the environ (types and values), with what the application made of it, and with
 * what it left unread of the body.
 */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Address, type Answer, ask } from "../support/client.ts";
import {
  APPS,
  type Both,
  cleanUp,
  EXAMPLES,
  ofBoth,
  type Pair,
  type Program,
  startBoth,
  temporaryDirectory,
} from "../support/programs.ts";
import { proxyHeaderV2 } from "../unit/gateway/proxy-header.ts";
import { Differences, type Explanations, type Observation } from "./support/differences.ts";

/** On IPv4 the peer is in forwarded_allow_ips, on IPv6 it is not, and a Unix socket's always is. */
type Peer = "trusted" | "untrusted" | "unix";
const HAS_IPV6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === "::1"),
);
const PEERS: readonly Peer[] = HAS_IPV6 ? ["trusted", "unix", "untrusted"] : ["trusted", "unix"];

interface Case {
  readonly title: string;
  /** Comes first. */
  readonly proxyHeader?: string;
  /** Up to the empty line; the body follows. */
  readonly head: readonly string[];
  readonly body?: string;
  readonly differs?: Explanations;
  /** What differs on a Unix socket besides. */
  readonly differsOnUnix?: Explanations;
  /** Where `differs` holds; everywhere without it. */
  readonly differsFor?: readonly Peer[];
}

const differences = new Differences("environ");

/** What is another object in every environ. */
const OBJECTS = ["wsgi.errors", "wsgi.input", "wsgi.file_wrapper", "wsgi.early_hints", "gunicorn.socket"];
const ALWAYS: Explanations = Object.fromEntries(
  ["SERVER_SOFTWARE", ...OBJECTS].map((key) => [key, `environ: ${key}`]),
);

/** Aspects of the application's own dump of the environ. */
const DUMPED = "application's ";
const OBJECT_ADDRESS = / at 0x[0-9a-f]+/g;

const HOST = "Host: localhost";

const PLAIN: readonly Case[] = [
  { title: "a query", head: ["GET /environ?a=1&b=%20x&a=2 HTTP/1.1", HOST] },
  { title: "an empty query", head: ["GET /environ? HTTP/1.1", HOST] },
  {
    title: "percent-encoded bytes in path and query",
    head: ["GET /a%20b%2Fc%e2%82%ac?q=%C3%A9 HTTP/1.1", HOST],
  },
  { title: "percent signs that encode nothing", head: ["GET /a%zz%4 HTTP/1.1", HOST] },
  { title: "a byte outside of ASCII in the path", head: ["GET /caf\xe9 HTTP/1.1", HOST] },
  { title: "a byte outside of ASCII in the query", head: ["GET /?caf\xe9 HTTP/1.1", HOST] },
  { title: "empty segments in the path", head: ["GET //a//b HTTP/1.1", HOST] },
  { title: "dot segments in the path", head: ["GET /a/../b/./c HTTP/1.1", HOST] },
  {
    title: "a fragment",
    head: ["GET /a?b#c?d HTTP/1.1", HOST],
    differs: { answer: "environ: target with a fragment" },
  },
  { title: "semicolons", head: ["GET /a;p=1?b;c HTTP/1.1", HOST] },
  { title: "a target without a slash", head: ["GET foo HTTP/1.1", HOST] },
  {
    title: "an absolute-form target",
    head: ["GET http://localhost:81/x/y?z HTTP/1.1", "Host: localhost:81"],
  },
  {
    title: "an absolute-form target with a scheme in capitals",
    head: ["GET HTTP://localhost/x HTTP/1.1", HOST],
  },
  { title: "an absolute-form target without a path", head: ["GET http://localhost HTTP/1.1", HOST] },
  {
    title: "an absolute-form target with a query and no path",
    head: ["GET http://localhost?x HTTP/1.1", HOST],
  },
  { title: "the target * of OPTIONS", head: ["OPTIONS * HTTP/1.1", HOST] },
  { title: "the target * of GET", head: ["GET * HTTP/1.1", HOST] },
  { title: "an authority-form target", head: ["CONNECT localhost:443 HTTP/1.1", HOST] },
  { title: "an uncommon method", head: ["PROPFIND /environ HTTP/1.1", HOST, "Depth: 1"] },
  { title: "a method with a hyphen", head: ["M-SEARCH /environ HTTP/1.1", HOST] },
];

/** Frameworks have opinions of hosts too. */
const TARGETS: readonly Case[] = [
  {
    title: "an absolute-form target of another host",
    head: ["GET http://example.com/environ HTTP/1.1", HOST],
    differs: { HTTP_HOST: "environ: HTTP_HOST beside a target in absolute-form" },
    differsOnUnix: { SERVER_NAME: "environ: SERVER_NAME on a Unix socket, target in absolute-form" },
  },
  ...[
    ["a user", "GET http://u:p@localhost/x HTTP/1.1", "environ: absolute-form with a user"],
    ["another scheme", "GET ftp://localhost/x HTTP/1.1", "environ: absolute-form of another scheme"],
    ["no host", "GET http:///x HTTP/1.1", "environ: absolute-form without a host"],
    ["a port that is none", "GET http://localhost:x/ HTTP/1.1", "environ: absolute-form with a bad port"],
    ["no port", "CONNECT localhost HTTP/1.1", "environ: CONNECT without a port"],
    ["CONNECT", "CONNECT /x HTTP/1.1", "environ: CONNECT of a path"],
  ].map(([title = "", line = "", answer = ""]) => ({
    title: `a target with ${title}`,
    head: [line, HOST],
    differs: { answer },
  })),
];

const FIELDS: readonly Case[] = [
  {
    title: "repeated fields",
    head: ["GET /environ HTTP/1.1", HOST, "X-A: 1", "x-a: 2", "Accept: a", "Accept: b, c"],
  },
  { title: "one Cookie field", head: ["GET /environ HTTP/1.1", HOST, "Cookie: a=1; b=2"] },
  {
    title: "several Cookie fields",
    head: ["GET /environ HTTP/1.1", HOST, "Cookie: a=1", "Cookie: b=2"],
    differs: { HTTP_COOKIE: "environ: HTTP_COOKIE" },
  },
  {
    title: "field names in lower case and with every sign that may stand in one",
    head: ["GET /environ HTTP/1.1", "host: localhost", "x-lower: 1", "X!#$%&'*+.^`|~9: odd"],
  },
  {
    title: "field values that are empty, padded, or not ASCII",
    head: ["GET /environ HTTP/1.1", HOST, "X-Empty:", "X-Padded: \t a  b\t ", "X-Latin: \xe9\xff"],
  },
  {
    title: "a field Proxy",
    head: ["GET /environ HTTP/1.1", HOST, "Proxy: http://example.com"],
    differs: { HTTP_PROXY: "environ: HTTP_PROXY" },
  },
  {
    title: "fields that frameworks read",
    head: [
      "GET /environ HTTP/1.1",
      HOST,
      "Authorization: Basic dTpw",
      'If-None-Match: "x"',
      "Range: bytes=0-1",
      "User-Agent: agent",
      "Referer: http://localhost/",
      "Accept-Language: de",
    ],
  },
  { title: "an upgrade", head: ["GET /environ HTTP/1.1", HOST, "Upgrade: websocket", "Connection: upgrade"] },
  {
    title: "what proxies say of the client",
    head: [
      "GET /environ HTTP/1.1",
      HOST,
      "X-Forwarded-For: 192.0.2.1",
      "X-Forwarded-Port: 443",
      "Forwarded: for=192.0.2.2",
    ],
  },
];

const BODIES: readonly Case[] = [
  {
    title: "Content-Type and Content-Length",
    head: ["POST /environ HTTP/1.1", HOST, "Content-Type: text/plain; charset=x", "Content-Length: 5"],
    body: "hello",
  },
  {
    title: "a form",
    head: [
      "POST /echo HTTP/1.1",
      HOST,
      "Content-Type: application/x-www-form-urlencoded",
      "Content-Length: 9",
    ],
    body: "a=1&b=%20",
  },
  {
    title: "JSON",
    head: ["POST /echo HTTP/1.1", HOST, "Content-Type: application/json", "Content-Length: 7"],
    body: '{"a":1}',
  },
  {
    title: "an empty Content-Type",
    head: ["POST /environ HTTP/1.1", HOST, "Content-Type:", "Content-Length: 0"],
  },
  { title: "no Content-Length", head: ["POST /environ HTTP/1.1", HOST] },
  {
    title: "Content-Type twice",
    head: ["POST /environ HTTP/1.1", HOST, "Content-Type: a/b", "Content-Type: c/d"],
  },
  {
    title: "Content-Length twice",
    head: ["POST /environ HTTP/1.1", HOST, "Content-Length: 1", "Content-Length: 1"],
    body: "x",
  },
  { title: "a body of GET", head: ["GET /environ HTTP/1.1", HOST, "Content-Length: 2"], body: "hi" },
  {
    title: "a body in chunks",
    head: ["POST /environ HTTP/1.1", HOST, "Transfer-Encoding: chunked"],
    body: "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
  },
  {
    title: "a form in chunks",
    head: [
      "POST /echo HTTP/1.1",
      HOST,
      "Content-Type: application/x-www-form-urlencoded",
      "Transfer-Encoding: Chunked",
    ],
    body: "4\r\na=1&\r\n3\r\nb=2\r\n0\r\n\r\n",
  },
  {
    title: "a body in chunks with a trailer",
    head: ["POST /environ HTTP/1.1", HOST, "Transfer-Encoding: chunked", "Trailer: X-T"],
    body: "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
  },
  {
    title: "a transfer coding beside chunked",
    head: ["POST /environ HTTP/1.1", HOST, "Transfer-Encoding: gzip, chunked"],
    body: "5\r\nhello\r\n0\r\n\r\n",
  },
  {
    title: "Expect: 100-continue",
    head: ["POST /environ HTTP/1.1", HOST, "Expect: 100-continue", "Content-Length: 2"],
    body: "hi",
  },
  {
    title: "a body too large for memory",
    head: ["POST /environ HTTP/1.1", HOST, "Content-Length: 3000000"],
    body: "x".repeat(3_000_000),
    differs: { "wsgi.input": "environ: wsgi.input of a large body" },
  },
];

const UNIX_SERVER: Explanations = {
  SERVER_NAME: "environ: SERVER_NAME on a Unix socket, Host with an IPv6 address",
  SERVER_PORT: "environ: SERVER_PORT on a Unix socket, Host with an IPv6 address",
};

const VERSIONS: readonly Case[] = [
  { title: "HTTP/1.0", head: ["GET /environ HTTP/1.0"] },
  { title: "HTTP/1.0 with Host", head: ["GET /environ HTTP/1.0", "Host: localhost:99"] },
  { title: "HTTP/1.0 with keep-alive", head: ["GET /environ HTTP/1.0", "Connection: keep-alive"] },
  {
    title: "HTTP/1.2",
    head: ["GET /environ HTTP/1.2", HOST],
    differs: { SERVER_PROTOCOL: "environ: SERVER_PROTOCOL", answer: "environ: HTTP version above 1.1" },
  },
  { title: "HTTP/0.9", head: ["GET /environ HTTP/0.9", HOST] },
  { title: "HTTP/2.0", head: ["GET /environ HTTP/2.0", HOST] },
  {
    title: "no Host",
    head: ["GET /environ HTTP/1.1"],
    differs: { answer: "environ: no Host in HTTP/1.1" },
  },
  { title: "Host with a port, in capitals", head: ["GET /environ HTTP/1.1", "Host: LocalHost:8080"] },
  {
    title: "an empty Host",
    head: ["GET /environ HTTP/1.1", "Host:"],
    differs: { answer: "environ: empty Host" },
  },
  {
    title: "Host with an IPv6 address",
    head: ["GET /environ HTTP/1.1", "Host: [::1]"],
    differs: UNIX_SERVER,
    differsFor: ["unix"],
  },
  {
    title: "Host with an IPv6 address and a port",
    head: ["GET /environ HTTP/1.1", "Host: [::1]:80"],
    differs: UNIX_SERVER,
    differsFor: ["unix"],
  },
  {
    title: "Host with a space",
    head: ["GET /environ HTTP/1.1", "Host: a b"],
    differs: { answer: "environ: Host that is no host" },
  },
  {
    title: "Host that is no host",
    head: ["GET /environ HTTP/1.1", "Host: a/b@c:d"],
    differs: { answer: "environ: Host that is no host" },
  },
  { title: "Host twice", head: ["GET /environ HTTP/1.1", HOST, HOST] },
];

const SCHEMES: readonly Case[] = [
  { title: "X-Forwarded-Proto: https", head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: https"] },
  { title: "X-Forwarded-Proto: http", head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: http"] },
  { title: "X-Forwarded-Proto: HTTPS", head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: HTTPS"] },
  {
    title: "X-Forwarded-Proto twice",
    head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: https", "X-Forwarded-Proto: https"],
  },
  {
    title: "all secure scheme headers",
    head: [
      "GET /environ HTTP/1.1",
      HOST,
      "X-Forwarded-Proto: https",
      "X-Forwarded-Ssl: on",
      "X-Forwarded-Protocol: ssl",
    ],
  },
  {
    title: "scheme headers that contradict each other",
    head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"],
  },
];

const UNDERSCORES: readonly Case[] = [
  {
    title: "field names with underscores",
    head: [
      "GET /environ HTTP/1.1",
      HOST,
      "X_A: 1",
      "X-A: 2",
      "REMOTE_USER: me",
      "REMOTE_ADDR: 192.0.2.1",
      "Content_Length: 3",
    ],
  },
  { title: "a field PATH_INFO", head: ["GET /environ HTTP/1.1", HOST, "PATH_INFO: /other"] },
  { title: "a field SCRIPT_NAME", head: ["GET /x/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x"] },
  { title: "a field script_name", head: ["GET /x/environ HTTP/1.1", HOST, "script_name: /x"] },
  { title: "a field Script-Name", head: ["GET /x/environ HTTP/1.1", HOST, "Script-Name: /x"] },
  {
    title: "SCRIPT_NAME twice",
    head: ["GET /x/environ HTTP/1.1", HOST, "SCRIPT_NAME: /y", "SCRIPT_NAME: /x"],
  },
  {
    title: "SCRIPT_NAME and Script-Name",
    head: ["GET /x/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x", "Script-Name: /z"],
  },
  {
    title: "SCRIPT_NAME that ends in the middle of a segment",
    head: ["GET /xenviron HTTP/1.1", HOST, "SCRIPT_NAME: /x"],
  },
  {
    title: "SCRIPT_NAME with a slash at its end",
    head: ["GET /x/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x/"],
  },
  { title: "SCRIPT_NAME that is the whole path", head: ["GET /x HTTP/1.1", HOST, "SCRIPT_NAME: /x"] },
  { title: "an empty SCRIPT_NAME", head: ["GET /environ HTTP/1.1", HOST, "SCRIPT_NAME:"] },
];

const FORWARDED: readonly Case[] = [
  ...UNDERSCORES,
  {
    title: "a field that forwarder_headers does not name in capitals",
    head: ["GET /environ HTTP/1.1", HOST, "REMOTE_NAME: me"],
    differs: { HTTP_REMOTE_NAME: "environ: forwarder_headers not in capitals" },
    differsFor: ["trusted", "unix"],
  },
];

const OUTSIDE_SCRIPT_NAME: readonly Case[] = [
  {
    title: "a path outside of SCRIPT_NAME",
    head: ["GET /y/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x"],
    differs: { answer: "environ: path outside of SCRIPT_NAME" },
    differsFor: ["trusted", "unix"],
  },
  {
    title: "a path that is SCRIPT_NAME only when it is decoded",
    head: ["GET /%78/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x"],
    differs: { answer: "environ: path outside of SCRIPT_NAME" },
    differsFor: ["trusted", "unix"],
  },
];

const MOUNTED: readonly Case[] = [
  { title: "a path below SCRIPT_NAME", head: ["GET /x/environ?q HTTP/1.1", HOST] },
  { title: "SCRIPT_NAME itself", head: ["GET /x HTTP/1.1", HOST] },
  {
    title: "a path outside of SCRIPT_NAME",
    head: ["GET /environ HTTP/1.1", HOST],
    differs: { answer: "environ: path outside of SCRIPT_NAME" },
  },
  {
    title: "a field SCRIPT_NAME beside the variable",
    head: ["GET /x/y/environ HTTP/1.1", HOST, "SCRIPT_NAME: /x/y"],
  },
];

const UNKNOWN = "environ: PROXY header of version 1 without addresses";
const LOCAL = "environ: PROXY header of version 2 without addresses";
const LOCAL_KEYS: Explanations = {
  REMOTE_ADDR: LOCAL,
  REMOTE_PORT: LOCAL,
  PROXY_ADDR: LOCAL,
  PROXY_PORT: LOCAL,
};
const BROKEN = "environ: malformed PROXY header of version 2";

const PROXIED: readonly Case[] = [
  { title: "a PROXY header of version 1", proxyHeader: "PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n" },
  { title: "one over IPv6", proxyHeader: "PROXY TCP6 2001:DB8::7 ::8 4711 443\r\n" },
  { title: "one of an unknown connection", proxyHeader: "PROXY UNKNOWN\r\n", differs: { answer: UNKNOWN } },
  { title: "one of another protocol", proxyHeader: "PROXY UDP4 192.0.2.7 192.0.2.8 4711 443\r\n" },
  { title: "one that is cut off", proxyHeader: "PROXY TCP4 192.0.2.7\r\n" },
  { title: "one with a host name", proxyHeader: "PROXY TCP4 localhost 192.0.2.8 4711 443\r\n" },
  { title: "one with a port that is none", proxyHeader: "PROXY TCP4 192.0.2.7 192.0.2.8 4711 65536\r\n" },
  { title: "a PROXY header of version 2", proxyHeader: v2({}) },
  { title: "one over IPv6, binary", proxyHeader: v2({ client: "2001:db8::7", proxy: "::ffff:192.0.2.8" }) },
  { title: "one with more behind the addresses", proxyHeader: v2({ tail: Buffer.alloc(300, "\r\n") }) },
  {
    title: "one of the proxy itself",
    proxyHeader: v2({ command: 0x20, length: 0 }),
    differs: LOCAL_KEYS,
  },
  { title: "one of an unspecified connection", proxyHeader: v2({ family: 0x01 }), differs: LOCAL_KEYS },
  { title: "one of another version", proxyHeader: v2({ command: 0x11 }), differs: { answer: BROKEN } },
  { title: "one over UDP", proxyHeader: v2({ family: 0x12 }), differs: { answer: BROKEN } },
  {
    title: "one without room for the addresses",
    proxyHeader: v2({ length: 11 }),
    differs: { answer: BROKEN },
  },
  { title: "no PROXY header" },
  { title: "a method that begins like one", head: ["PROPFIND /environ HTTP/1.1", HOST] },
].map((each) => ({ head: ["GET /environ HTTP/1.1", HOST, "X-Forwarded-Proto: https"], ...each }));

const ALL = [PLAIN, FIELDS, BODIES, VERSIONS, SCHEMES, UNDERSCORES, OUTSIDE_SCRIPT_NAME].flat();

const CALLABLES = {
  hello: "app:application",
  django_defaults: "django_defaults.wsgi:application",
  flask_app: "app:app",
  bottle_app: "app:app",
};
type Example = keyof typeof CALLABLES;
const EXAMPLE_NAMES = Object.keys(CALLABLES) as Example[];

for (const example of EXAMPLE_NAMES) {
  describe(`the environ of ${example}`, () => compareCases(example, [], ALL));
  describe(`the environ of ${example} below SCRIPT_NAME`, () =>
    compareCases(example, ["--env", "SCRIPT_NAME=/x"], MOUNTED));
}
const UNTRUSTED_TOO = UNDERSCORES.concat(OUTSIDE_SCRIPT_NAME.map(({ differsFor: _, ...rest }) => rest));
describe("the environ of targets", () => compareCases("hello", [], TARGETS));
describe("the environ with header_map dangerous", () =>
  compareCases("hello", ["--header-map", "dangerous"], UNTRUSTED_TOO));
describe("the environ with header_map refuse", () =>
  compareCases("hello", ["--header-map", "refuse"], UNDERSCORES));
describe("the environ with forwarder_headers", () =>
  compareCases("hello", ["--forwarder-headers", "REMOTE_USER,Remote_Name"], FORWARDED));
describe("the environ with threads, several workers, and every proxy trusted", () =>
  compareCases(
    "hello",
    ["--threads", "2", "--workers", "2", "--forwarded-allow-ips", "*"],
    [...[...BODIES, ...VERSIONS, ...SCHEMES], ...UNTRUSTED_TOO],
  ));

describe("the environ with proxy_protocol", () =>
  compareCases("hello", ["--proxy-protocol", "auto"], PROXIED));
describe("the environ with proxy_protocol from a peer that may not speak it", () => {
  const words = ["--proxy-protocol", "auto", "--proxy-allow-from", "192.0.2.0/24"];
  compareCases("hello", words, PROXIED.slice(0, 1).concat(PROXIED.slice(-2)));
});

it("shows every documented difference of the environ", () => differences.assertAllOccurred());

after(cleanUp);

/** Starts both programs once, and tests each case from every peer. */
function compareCases(example: Example, words: readonly string[], cases: readonly Case[]): void {
  let pair: Pair;
  const addresses = new Map<Program, ReadonlyMap<Peer, Address>>();

  before(async () => {
    pair = start(example, words);
    await ofBoth(async (program) => {
      const listening = await pair[program].addresses();
      addresses.set(program, new Map(PEERS.map((peer, nr) => [peer, listening[nr] as Address])));
    });
  });
  after(async () => {
    await ofBoth((program) => pair[program].stop());
  });

  for (const each of cases) {
    it(each.title, async () => {
      for (const peer of PEERS) {
        const address = (program: Program): Address => addresses.get(program)?.get(peer) as Address;
        const answers = await ofBoth((program) => ask(address(program), requestOf(each)));
        const observed = await ofBoth(async (program) => observe(answers[program], address(program)));
        differences.compare(...comparison(each, peer, observed));
      }
    });
  }
}

function start(example: Example, words: readonly string[]): Pair {
  const all = (program: Program): readonly string[] => [
    ...["--chdir", join(EXAMPLES, example), "--pythonpath", APPS, "--forwarded-allow-ips", "127.0.0.1"],
    ...["--bind", "127.0.0.1:0", "--bind", `unix:${join(temporaryDirectory(), program)}`],
    ...(HAS_IPV6 ? ["--bind", "[::1]:0"] : []),
    ...words,
    `recorder:recorded('${CALLABLES[example]}')`,
  ];
  return startBoth(all, { env: { DJANGO_SETTINGS_MODULE: "django_in_memory" } });
}

/** A header of the PROXY protocol, version 2, as latin-1 text. */
function v2(parts: Parameters<typeof proxyHeaderV2>[0]): string {
  return proxyHeaderV2(parts).toString("latin1");
}

function requestOf({ proxyHeader = "", head, body = "" }: Case): string {
  return `${proxyHeader}${head.join("\r\n")}\r\n\r\n${body}`;
}

/** What apps/recorder.py says. */
interface Recording {
  readonly environ: Readonly<Record<string, string>>;
  readonly status: string;
  readonly body: string;
  readonly rest: string;
}

function observe({ interim, final }: Answer, address: Address): Observation {
  const statusLines = [...interim, ...(final === undefined ? [] : [final])].map(
    ({ statusLine }) => statusLine,
  );
  const answer = statusLines.join("\n");
  if (final === undefined || !final.statusLine.endsWith(" 200 OK")) {
    return { answer: `${answer} ${(final?.body ?? "").replaceAll(/\s+/g, " ")}` };
  }
  const { environ, status, body, rest } = JSON.parse(final.body) as Recording;
  return {
    answer,
    ...withoutPorts(environ, address),
    ...applicationAspects(body.replaceAll("port" in address ? `:${address.port}` : address.path, ":OURS")),
    "status of the application": status,
    "unread body": rest,
  };
}

/** Numbers and paths that the two cannot share. */
function withoutPorts(environ: Readonly<Record<string, string>>, address: Address): Observation {
  const ours = "port" in address ? String(address.port) : address.path;
  return Object.fromEntries(
    Object.entries(environ).map(([key, value]) => {
      if (key === "REMOTE_PORT") return [key, value.replace(/\d+/, "PORT")];
      return [key, key.startsWith("SERVER_") ? value.replace(ours, "OURS") : value];
    }),
  );
}

/** JSON by its keys. A dump of the environ repeats what is compared already, but for what a framework has added. */
function applicationAspects(body: string): Observation {
  if (!body.startsWith("{")) return { "body of the application": withoutDebugging(body) };
  const dump = Object.entries(JSON.parse(body) as Record<string, unknown>);
  return Object.fromEntries(
    dump
      .filter(([key]) => !/^(REMOTE|SERVER)_/.test(key))
      .map(([key, value]) => [`${DUMPED}${key}`, JSON.stringify(value).replaceAll(OBJECT_ADDRESS, "")]),
  );
}

/** Django's page for its developers shows the process, the time and every object: the title says what happened. */
function withoutDebugging(page: string): string {
  return page.includes("DEBUG = True") ? (/<title>(.*?)<\/title>/s.exec(page)?.[1] ?? "") : page;
}

/** When one of them refuses, the two answers are all there is to compare. */
function comparison(
  { differs = {}, differsOnUnix = {}, differsFor = PEERS }: Case,
  peer: Peer,
  observed: Both<Observation>,
): [Both<Observation>, Explanations] {
  const own = {
    ...(differsFor.includes(peer) ? differs : {}),
    ...(peer === "unix" ? differsOnUnix : {}),
  };
  const { gunicorn, tunicorn } = observed;
  const bothRecorded = "REQUEST_METHOD" in gunicorn && "REQUEST_METHOD" in tunicorn;
  if (!bothRecorded) {
    return [{ gunicorn: { answer: gunicorn.answer }, tunicorn: { answer: tunicorn.answer } }, own];
  }
  const keys = Object.entries({ ...ALWAYS, ...own });
  const dumped = keys.map(([key, row]): [string, string | readonly string[]] => [`${DUMPED}${key}`, row]);
  const isThere = ([aspect]: [string, unknown]): boolean => aspect in gunicorn || aspect in tunicorn;
  return [observed, Object.fromEntries([...keys, ...dumped.filter(isThere)])];
}
