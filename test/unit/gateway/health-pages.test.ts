import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HealthPages, type Obstacle } from "../../../src/gateway/health-pages.ts";
import { requestHead } from "./request.ts";

const OWN = { kind: "tcp", host: "127.0.0.1", port: 9000, isHealth: true } as const;
const APP = { kind: "tcp", host: "127.0.0.1", port: 8000 } as const;
const PATHS = { live: "/up", ready: "/ready" };

function answer(
  pages: HealthPages,
  requestLine: string,
  at: typeof OWN | typeof APP,
  obstacle: Obstacle = null,
): string {
  const request = requestHead(`${requestLine} HTTP/1.1`, "Host: x");
  return pages.maybeAnswer(request, at, obstacle)?.toString("latin1") ?? "the application's";
}

describe("health pages beside the application", () => {
  const pages = new HealthPages({ ...PATHS, isSeparate: false });

  it("are whole responses that close the connection", () => {
    assert.equal(
      answer(pages, "GET /up", APP),
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\n\r\nok\n",
    );
    assert.match(
      answer(pages, "HEAD /up", APP),
      /^HTTP\/1\.1 200 [\s\S]*Content-Length: 3\r\n[\s\S]*\r\n\r\n$/,
    );
  });

  it("are ready when nothing stands in the way, and alive all the same", () => {
    assert.match(answer(pages, "GET /ready", APP), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nready\n$/);
    for (const obstacle of ["no worker is ready", "the server is leaving"] as const) {
      const response = answer(pages, "GET /ready", APP, obstacle);
      assert.match(response, /^HTTP\/1\.1 503 /);
      assert.ok(response.endsWith(`\r\n\r\nnot ready: ${obstacle}\n`), response);
      assert.match(answer(pages, "GET /up", APP, obstacle), /^HTTP\/1\.1 200 /);
    }
  });

  it("know no query, and leave other methods and paths to the application", () => {
    assert.match(answer(pages, "GET /up?from=lb", APP), /^HTTP\/1\.1 200 /);
    for (const line of ["POST /up", "GET /up/", "GET /", "GET /readyz"]) {
      assert.equal(answer(pages, line, APP), "the application's");
    }
  });

  it("are not there without a path", () => {
    const one = new HealthPages({ live: null, ready: "/ready", isSeparate: false });
    assert.equal(answer(one, "GET /up", APP), "the application's");
    assert.match(answer(one, "GET /ready", APP), /^HTTP\/1\.1 200 /);
  });
});

describe("health pages at an address of their own", () => {
  const pages = new HealthPages({ ...PATHS, isSeparate: true });

  it("are nowhere else", () => {
    assert.equal(answer(pages, "GET /up", APP), "the application's");
    assert.match(answer(pages, "GET /up", OWN), /^HTTP\/1\.1 200 /);
  });

  it("are alone there", () => {
    assert.match(answer(pages, "GET /", OWN), /^HTTP\/1\.1 404 /);
    assert.match(answer(pages, "POST /up", OWN), /^HTTP\/1\.1 404 /);
  });
});
