import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AccessRecord,
  compileAccessLogExclude,
  compileAccessLogFormat,
} from "../../../src/logging/access-log.ts";

/** Gunicorn's default. */
const DEFAULT_FORMAT = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';

type Fields = Readonly<Record<string, string>>;

interface Changes extends Partial<AccessRecord> {
  readonly requestFields?: Fields;
  readonly responseFields?: Fields;
  readonly variables?: Fields;
}

function record({
  requestFields = {},
  responseFields = {},
  variables = {},
  ...changes
}: Changes = {}): AccessRecord {
  return {
    remoteAddress: "192.0.2.1",
    method: "GET",
    target: "/path?a=1",
    path: "/path",
    query: "a=1",
    protocol: "HTTP/1.1",
    status: 200,
    bodyBytes: 1234,
    durationMs: 1234.5678,
    workerPid: 4711,
    workerAge: 3,
    queuedMs: 1.2345,
    requestField: (name) => requestFields[name],
    responseField: (name) => responseFields[name],
    environ: () => new Map(Object.entries(variables)),
    ...changes,
  };
}

const line = (format: string, changes: Changes = {}): string =>
  compileAccessLogFormat(format)(record(changes));

const basic = (user: string): Fields => ({
  authorization: `Basic ${Buffer.from(user, "latin1").toString("base64")}`,
});

describe("a line of the access log", () => {
  it("is Gunicorn's by default", () => {
    const requestFields = { referer: "http://a/", "user-agent": "curl/8" };
    assert.match(
      line(DEFAULT_FORMAT, { requestFields }),
      /^192\.0\.2\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/path\?a=1 HTTP\/1\.1" 200 1234 "http:\/\/a\/" "curl\/8"$/,
    );
  });

  for (const [atom, expected] of [
    ["h", "192.0.2.1"],
    ["l", "-"],
    ["u", "-"],
    ["r", "GET /path?a=1 HTTP/1.1"],
    ["s", "200"],
    ["m", "GET"],
    ["U", "/path"],
    ["q", "a=1"],
    ["H", "HTTP/1.1"],
    ["b", "1234"],
    ["B", "1234"],
    ["Q", "1234"],
    ["W", "3"],
    ["f", "-"],
    ["a", "-"],
    ["T", "1"],
    ["M", "1234"],
    ["D", "1234567"],
    ["L", "1.234568"],
    ["p", "<4711>"],
    ["{host}i", "-"],
    ["{server}o", "-"],
    ["{remote_user}e", "-"],
    ["x", "-"],
    ["", "-"],
    ["toString", "-"],
  ] as const) {
    it(`has ${expected} for %(${atom})s`, () => {
      assert.equal(line(`%(${atom})s`), expected);
    });
  }

  it("has fields of the request and of the response, whatever the case of their names", () => {
    const changes = { requestFields: { "x-id": "in" }, responseFields: { "x-id": "out" } };
    assert.equal(line("%({X-Id})s %({X-Id}i)s %({x-id}o)s %({x-id}O)s", changes), "- in out out");
  });

  it("has variables of the environ, whatever the case of their names", () => {
    const variables = { REMOTE_PORT: "5", HTTP_X_A: 'a"\n' };
    assert.equal(line("%({remote_port}e)s %({Http_X_A}e)s %({x}E)s", { variables }), String.raw`5 a\"\x0a -`);
  });

  it("obeys the flags, width and precision of Python's %", () => {
    assert.equal(
      line("[%(s)5s|%(m)-5s|%(m).2s|%(B)06d|%(B)-6d|%(B)1d] 100%%"),
      "[  200|GET  |GE|001234|1234  |1234] 100%",
    );
  });

  it("has 0 for no bytes, and nothing for no address", () => {
    assert.equal(line("%(b)s %(B)s [%(h)s]", { bodyBytes: 0, remoteAddress: "" }), "0 0 []");
  });

  it("keeps the text between the atoms, and what only looks like one", () => {
    assert.equal(line("{%(s)s} %(s)x %s (%(m)s)%"), "{200} %(s)x %s (GET)%");
    assert.equal(line("no atom"), "no atom");
    assert.equal(line(""), "");
  });
});

describe("the user of a request", () => {
  it("is that of its Basic authorization", () => {
    assert.equal(line("%(u)s", { requestFields: basic("me:secret:too") }), "me");
    const { authorization = "" } = basic("me:secret");
    const requestFields = { authorization: authorization.replace("Basic", "bASIC") };
    assert.equal(line("%(u)s", { requestFields }), "me");
  });

  for (const [title, requestFields] of [
    ["there is no authorization", {}],
    ["it is of another kind", { authorization: "Bearer abc" }],
    ["it has no credentials", { authorization: "Basic" }],
    ["its user is empty", basic(":secret")],
    ["its Base64 is incomplete", { authorization: "Basic dXNlcg" }],
    ["it is not UTF-8", basic("\xe9:secret")],
  ] as const) {
    it(`is - when ${title}`, () => {
      assert.equal(line("%(u)s", { requestFields }), "-");
    });
  }
});

describe("what a client sent", () => {
  const HOSTILE = 'a"b\\c\r\nd\te\0f\x1b[31mg\x7fh\x85i\xe9j\u2028k';
  const ESCAPED = String.raw`a\"b\\c\x0d\x0ad\x09e\x00f\x1b[31mg\x7fh\x85i\xe9j\x2028k`;

  it("cannot break the line, forge another one, or end a quoted part", () => {
    const requestFields = {
      referer: HOSTILE,
      "user-agent": HOSTILE,
      "x-id": HOSTILE,
    };
    const changes: Changes = {
      requestFields,
      responseFields: { "x-id": HOSTILE },
      method: HOSTILE,
      target: HOSTILE,
      path: HOSTILE,
      query: HOSTILE,
    };
    for (const atom of ["m", "U", "q", "f", "a", "{x-id}i", "{x-id}o"]) {
      assert.equal(line(`%(${atom})s`, changes), ESCAPED, atom);
    }
    assert.equal(line("%(r)s", changes), `${ESCAPED} ${ESCAPED} HTTP/1.1`);
    const all = line(`${DEFAULT_FORMAT} %(m)s %(U)s %(q)s %({x-id}i)s %({x-id}o)s`, changes);
    assert.doesNotMatch(all, /[\x00-\x1f\x7f-\uffff]/);
  });

  it("is escaped in the user's name too", () => {
    assert.equal(line("%(u)s", { requestFields: basic('a"\n\xc3\xa9:x') }), String.raw`a\"\x0a\xc3\xa9`);
  });

  it("is left as it is when it is harmless", () => {
    const text = "AZaz09 !#$%&'()*+,-./:;<=>?@[]^_`{|}~";
    assert.equal(line("%(a)s", { requestFields: { "user-agent": text } }), text);
  });
});

describe("a line in JSON", () => {
  const HOSTILE = 'a"b\\c\r\nd\te\0f\x1b[31mg\x7fh\x85i\xe9j\u2028k';

  it("has every field, null for what is not there", () => {
    const { time, ...fields } = JSON.parse(line("json"));
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(fields, {
      remote_addr: "192.0.2.1",
      user: null,
      method: "GET",
      target: "/path?a=1",
      path: "/path",
      query: "a=1",
      protocol: "HTTP/1.1",
      host: null,
      status: 200,
      bytes: 1234,
      duration_ms: 1234.567,
      referer: null,
      user_agent: null,
      queue_ms: 1.234,
      worker: 3,
      worker_pid: 4711,
    });
  });

  it("is one line of ASCII, and says what was sent, whatever that is", () => {
    const requestFields = { referer: HOSTILE, "user-agent": HOSTILE, host: HOSTILE, ...basic("a\n:b") };
    const changes = { requestFields, method: HOSTILE, target: HOSTILE, path: HOSTILE, query: HOSTILE };
    const text = line("json", changes);
    assert.match(text, /^\{[\x20-\x7e]*\}$/);
    const fields = JSON.parse(text);
    for (const name of ["referer", "user_agent", "host", "method", "target", "path", "query"]) {
      assert.equal(fields[name], HOSTILE, name);
    }
    assert.equal(fields.user, "a\n");
  });
});

describe("what is kept out of the access log", () => {
  const isUnlogged = (entries: readonly string[], path: string, status: number): boolean | undefined =>
    compileAccessLogExclude(entries)?.(record({ path, status }));

  it("is nothing without a list", () => {
    assert.equal(compileAccessLogExclude([]), null);
  });

  it("is a path, or all paths that begin so, as long as they are answered well", () => {
    const entries = ["/healthz", "/ready*"];
    for (const path of ["/healthz", "/ready", "/ready/db"]) {
      assert.equal(isUnlogged(entries, path, 200), true, path);
      assert.equal(isUnlogged(entries, path, 304), true, path);
      assert.equal(isUnlogged(entries, path, 404), false, path);
      assert.equal(isUnlogged(entries, path, 503), false, path);
    }
    for (const path of ["/healthz/", "/healthzz", "/", "/read"]) {
      assert.equal(isUnlogged(entries, path, 200), false, path);
    }
  });
});
