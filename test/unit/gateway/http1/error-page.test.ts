import assert from "node:assert/strict";
import { test } from "node:test";
import { errorResponse, reasonPhrase } from "../../../../src/gateway/http1/error-page.ts";
import {
  forbiddenProxyRequest,
  invalidProxyLine,
  invalidRequestLine,
  scriptNameIsNoPrefix,
} from "../../../../src/gateway/http1/protocol-error.ts";

test("the error page is Gunicorn's, byte for byte", () => {
  const { status, message } = invalidRequestLine("GET <b>&\"'é");
  const body =
    "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n    <h1><p>Bad Request</p></h1>\n" +
    "    Invalid Request Line &#x27;Invalid HTTP request line: &#x27;GET &lt;b&gt;&amp;&quot;\\&#x27;é&#x27;&#x27;\n" +
    "  </body>\n</html>\n";
  const expected =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n" +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  assert.equal(errorResponse(status, message).toString("latin1"), expected);
});

test("an internal error has no message, and Gunicorn's 141 bytes", () => {
  const [head = "", body = ""] = errorResponse(500, "").toString("latin1").split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
  assert.match(head, /Content-Length: 141$/);
  assert.equal(body.length, 141);
});

test("further fields stand at the end of the head", () => {
  const response = errorResponse(503, "busy", ["Retry-After: 1"]).toString("latin1");
  assert.match(response, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  assert.match(response, /\r\nRetry-After: 1\r\n\r\n<html>/);
});

test("every status that the gateway answers with has its own reason phrase", () => {
  const phrases = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    507: "Insufficient Storage",
  };
  for (const [status, phrase] of Object.entries(phrases)) {
    assert.equal(reasonPhrase(Number(status)), phrase);
  }
  assert.equal(reasonPhrase(599), "Unknown");
});

test("the log line and the page differ where Gunicorn's do", () => {
  const line = invalidRequestLine("GET");
  assert.equal(line.detail, "Invalid HTTP request line: 'GET'");
  assert.equal(line.message, "Invalid Request Line 'Invalid HTTP request line: 'GET''");
  const proxy = invalidProxyLine("PROXY");
  assert.equal(proxy.detail, "Invalid PROXY line: 'PROXY'");
  assert.equal(proxy.message, "'Invalid PROXY line: 'PROXY''");
  const forbidden = forbiddenProxyRequest("192.0.2.1");
  assert.equal(forbidden.detail, "Proxy request from '192.0.2.1' not allowed");
  assert.equal(forbidden.message, "Request forbidden");
  assert.equal(forbidden.status, 403);
});

test("a SCRIPT_NAME that is no prefix of the path is the configuration's fault", () => {
  const { status, message } = scriptNameIsNoPrefix("/a", "/b");
  assert.equal(status, 500);
  assert.equal(message, "Configuration problem: Request path '/a' does not start with SCRIPT_NAME '/b'");
});
