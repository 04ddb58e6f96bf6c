import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { connectionEnviron, EnvironWriter, percentDecode } from "../../../src/gateway/environ.ts";
import type { Provenance } from "../../../src/gateway/forwarded.ts";
import type { RequestHead } from "../../../src/gateway/http1/request-head.ts";
import type { ProxyHeader } from "../../../src/gateway/proxy-protocol.ts";
import type { ListenerInfo } from "../../../src/queue/gateway-messages.ts";
import { PythonMarshal } from "../queue/python-marshal.ts";
import { requestHead } from "./request.ts";

const TCP: ListenerInfo = { kind: "tcp", host: "192.0.2.1", port: 8000 };
const UNIX: ListenerInfo = { kind: "unix", host: "/run/app.sock", port: 0 };

const python = new PythonMarshal();
after(() => python.close());

const writer = new EnvironWriter();

interface Options {
  readonly listener?: ListenerInfo;
  readonly remoteAddress?: string;
  readonly remotePort?: string;
  readonly proxyHeader?: ProxyHeader;
  readonly scheme?: string;
  readonly scriptName?: string;
  readonly fields?: Provenance["fields"];
}

async function pairsOf(head: RequestHead, options: Options = {}): Promise<readonly (readonly string[])[]> {
  const { listener = TCP, remoteAddress = "203.0.113.7", scheme = "http", scriptName = "" } = options;
  const { fields = head.fields } = options;
  const { proxyHeader = null, remotePort = listener.kind === "tcp" ? "55555" : "" } = options;
  const part = connectionEnviron(listener, { address: remoteAddress, port: remotePort }, proxyHeader);
  return (await python.loads(writer.write(head, listener, part, { scheme, scriptName, fields }))).pairs;
}

async function environOf(head: RequestHead, options: Options = {}): Promise<Record<string, string>> {
  const pairs = await pairsOf(head, options);
  const environ = Object.fromEntries(pairs);
  assert.equal(Object.keys(environ).length, pairs.length, "no key twice");
  return environ;
}

/** What the fields of a request become. */
async function fieldsOf(...lines: readonly string[]): Promise<Record<string, string>> {
  const environ = await environOf(requestHead("GET / HTTP/1.1", "Host: a", ...lines));
  return Object.fromEntries(
    Object.entries(environ).filter(([key]) => /^(HTTP|CONTENT)_/.test(key) && key !== "HTTP_HOST"),
  );
}

describe("the environ of a request", () => {
  it("has Gunicorn's keys, and no others", async () => {
    const head = requestHead(
      "POST /caf%C3%A9/x?q=%20&r=1 HTTP/1.1",
      "Host: example.com",
      "Content-Type: text/plain",
      "Content-Length: 5",
      "X-Custom-Name: value",
    );
    assert.deepEqual(await environOf(head, { scheme: "https" }), {
      REMOTE_ADDR: "203.0.113.7",
      REMOTE_PORT: "55555",
      SERVER_NAME: "192.0.2.1",
      SERVER_PORT: "8000",
      REQUEST_METHOD: "POST",
      QUERY_STRING: "q=%20&r=1",
      RAW_URI: "/caf%C3%A9/x?q=%20&r=1",
      SERVER_PROTOCOL: "HTTP/1.1",
      "wsgi.url_scheme": "https",
      SCRIPT_NAME: "",
      PATH_INFO: "/cafÃ©/x",
      HTTP_HOST: "example.com",
      CONTENT_TYPE: "text/plain",
      CONTENT_LENGTH: "5",
      HTTP_X_CUSTOM_NAME: "value",
    });
  });

  it("says HTTP/1.0 when the client does", async () => {
    assert.equal((await environOf(requestHead("GET / HTTP/1.0"))).SERVER_PROTOCOL, "HTTP/1.0");
  });

  it("takes SCRIPT_NAME off the path", async () => {
    const head = requestHead("GET /app/sub%20page HTTP/1.1", "Host: a");
    const environ = await environOf(head, { scriptName: "/app" });
    assert.equal(environ.SCRIPT_NAME, "/app");
    assert.equal(environ.PATH_INFO, "/sub page");
    assert.equal(environ.RAW_URI, "/app/sub%20page");
  });

  it("may have an empty PATH_INFO under SCRIPT_NAME", async () => {
    const environ = await environOf(requestHead("GET /app HTTP/1.1", "Host: a"), { scriptName: "/app" });
    assert.equal(environ.PATH_INFO, "");
  });

  it("knows nothing of the request before", async () => {
    await environOf(requestHead("GET / HTTP/1.1", "Host: a", "X-Before: 1", `X-Long: ${"x".repeat(3000)}`));
    assert.deepEqual(await fieldsOf("X-After: 2"), { HTTP_X_AFTER: "2" });
  });

  it("has only the fields that were let through", async () => {
    const head = requestHead("GET / HTTP/1.1", "Host: a", "Proxy: evil", "X-A: 1");
    const fields = head.fields.filter(({ name }) => name.lower !== "proxy");
    const environ = await environOf(head, { fields });
    assert.ok(!("HTTP_PROXY" in environ));
    assert.equal(environ.HTTP_X_A, "1");
  });
});

describe("a proxy's header", () => {
  it("adds what the proxy says of itself", async () => {
    const client = { address: "192.0.2.7", port: 4711 };
    const proxy = { address: "192.0.2.8", port: 443 };
    const environ = await environOf(requestHead("GET / HTTP/1.1", "Host: a"), {
      proxyHeader: { protocol: "TCP4", addresses: { client, proxy } },
    });
    assert.equal(environ.PROXY_PROTOCOL, "TCP4");
    assert.equal(environ.PROXY_ADDR, "192.0.2.8");
    assert.equal(environ.PROXY_PORT, "443");
  });

  it("without addresses adds its kind alone", async () => {
    const environ = await environOf(requestHead("GET / HTTP/1.1", "Host: a"), {
      proxyHeader: { protocol: "LOCAL", addresses: null },
    });
    assert.equal(environ.PROXY_PROTOCOL, "LOCAL");
    assert.ok(!("PROXY_ADDR" in environ) && !("PROXY_PORT" in environ));
  });
});

it("has no REMOTE_PORT when the port is not known", async () => {
  const environ = await environOf(requestHead("GET / HTTP/1.1", "Host: a"), { remotePort: "" });
  assert.equal(environ.REMOTE_ADDR, "203.0.113.7");
  assert.ok(!("REMOTE_PORT" in environ));
});

describe("repeated fields", () => {
  it("are joined with a comma, in the order in which they were sent, at the place of the first", async () => {
    const head = requestHead("GET / HTTP/1.1", "Host: a", "X-A: 1", "X-B: between", "x-a: 2", "X-A: 3,4");
    const pairs = await pairsOf(head);
    assert.deepEqual(pairs.slice(-2), [
      ["HTTP_X_A", "1,2,3,4"],
      ["HTTP_X_B", "between"],
    ]);
  });

  it("are joined with a semicolon when they are cookies", async () => {
    assert.deepEqual(await fieldsOf("Cookie: a=1", "cookie: b=2; c=3", "COOKIE: d=4"), {
      HTTP_COOKIE: "a=1; b=2; c=3; d=4",
    });
  });

  it("are joined when their names are too many or too long to be remembered", async () => {
    const name = `X-${"long-".repeat(30)}name`;
    assert.deepEqual(await fieldsOf(`${name}: 1`, `${name.toLowerCase()}: 2`), {
      [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`]: "1,2",
    });
  });

  it("are joined when only an underscore tells them apart, if both were let through", async () => {
    assert.deepEqual(await fieldsOf("X-Y: 1", "X_Y: 2", "x-y: 3"), { HTTP_X_Y: "1,2,3" });
    assert.deepEqual(await fieldsOf("X_Y: 1", "X-Y: 2"), { HTTP_X_Y: "1,2" });
  });

  it("stay apart from others that only look like them", async () => {
    assert.deepEqual(await fieldsOf("X-A: 1", "X-A-B: 2", "XA: 3"), {
      HTTP_X_A: "1",
      HTTP_X_A_B: "2",
      HTTP_XA: "3",
    });
  });

  it("may have empty values", async () => {
    assert.deepEqual(await fieldsOf("X-A:", "X-A: 2", "X-B:"), { HTTP_X_A: ",2", HTTP_X_B: "" });
  });
});

describe("field values", () => {
  it("are latin-1, byte for byte, alone and joined", async () => {
    assert.deepEqual(await fieldsOf("X-A: caf\xc3\xa9", "X-B: plain", "X-B: \xff"), {
      HTTP_X_A: "cafÃ©",
      HTTP_X_B: "plain,ÿ",
    });
  });

  it("may be long", async () => {
    const value = "v".repeat(8000);
    assert.deepEqual(await fieldsOf(`X-A: ${value}`), { HTTP_X_A: value });
  });
});

describe("names that look like others", () => {
  it("never become the keys of Content-Type and Content-Length", async () => {
    assert.deepEqual(await fieldsOf("Content_Type: a", "Content_Length: 9"), {
      HTTP_CONTENT_TYPE: "a",
      HTTP_CONTENT_LENGTH: "9",
    });
  });
});

describe("the server's name", () => {
  it("is the listener's on TCP, whatever Host says", async () => {
    const environ = await environOf(requestHead("GET / HTTP/1.1", "Host: other:1"));
    assert.equal(environ.SERVER_NAME, "192.0.2.1");
    assert.equal(environ.SERVER_PORT, "8000");
  });

  for (const { host, scheme = "http", name, port } of [
    { host: "example.com", name: "example.com", port: "80" },
    { host: "example.com", scheme: "https", name: "example.com", port: "443" },
    { host: "example.com:8080", name: "example.com", port: "8080" },
    { host: "example.com:", name: "example.com", port: "80" },
    { host: "[::1]", name: "[::1]", port: "80" },
    { host: "[::1]:8080", name: "[::1]", port: "8080" },
  ]) {
    it(`is what the client calls it on a Unix socket: ${host} over ${scheme}`, async () => {
      const head = requestHead("GET / HTTP/1.1", `Host: ${host}`);
      const environ = await environOf(head, { listener: UNIX, remoteAddress: "", scheme });
      assert.equal(environ.SERVER_NAME, name);
      assert.equal(environ.SERVER_PORT, port);
      assert.equal(environ.REMOTE_ADDR, "");
      assert.ok(!("REMOTE_PORT" in environ));
    });
  }

  it("is the socket's path when the client calls it nothing", async () => {
    const environ = await environOf(requestHead("GET / HTTP/1.0"), { listener: UNIX });
    assert.equal(environ.SERVER_NAME, "/run/app.sock");
    assert.equal(environ.SERVER_PORT, "");
  });
});

describe("percent-decoding", () => {
  for (const [encoded, decoded] of [
    ["/plain", "/plain"],
    ["/a%20b", "/a b"],
    ["/%2f%2F", "///"],
    ["/%C3%A9", "/\xc3\xa9"],
    ["/%00%ff", "/\x00\xff"],
    ["/%2541", "/%41"],
    ["/%", "/%"],
    ["/%4", "/%4"],
    ["/%zz%4g", "/%zz%4g"],
    ["/+", "/+"],
  ] as const) {
    it(`makes ${JSON.stringify(decoded)} of ${encoded}`, () => {
      assert.equal(percentDecode(encoded), decoded);
    });
  }
});
