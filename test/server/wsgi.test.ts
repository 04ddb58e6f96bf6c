/** What PEP 3333 promises to an application, and asks of the server. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Response } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { fileAppears } from "../support/wait.ts";
import { APPS, Server, status } from "./support/server.ts";

after(cleanUp);

const RAISED = /Error handling request|Traceback|Error: /;
const TEXT = "abc\ndefghi\njkl\nmno\n";

function post(server: Server, path: string, body: string): Promise<Response> {
  return server.request(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

describe("wsgi.input", () => {
  for (const { title, rest } of [
    { title: "of a small body", rest: 0 },
    { title: "of a body in a spool file", rest: 200_000 },
  ]) {
    it(`${title} reads to the end of the body, by bytes, lines and as an iterator`, async (t) => {
      const server = await Server.start(t, ["pep3333"]);
      const { body } = await post(server, "/reads", TEXT + "x".repeat(rest));
      const left = "mno\n".length + rest;
      const expected = String.raw`[b'ab', b'', b'c\n', b'def', [b'ghi\n'], b'jkl\n', ${left}, b'', b'', b'', [], []]`;
      assert.equal(body, expected);
    });
  }

  it("is empty when the request has no body", async (t) => {
    const server = await Server.start(t, ["basics"]);
    assert.equal((await server.get("/body")).body, "");
  });

  // In the record, beside it, in a file.
  for (const bytes of [32 * 1024, 32 * 1024 + 1, 64 * 1024 + 1, 2 * 1024 * 1024, 2 * 1024 * 1024 + 1]) {
    it(`is what the client has sent, also when that is ${bytes} bytes`, async (t) => {
      const server = await Server.start(t, ["basics"]);
      const body = Array.from({ length: bytes / 8 + 1 }, (_, nr) => String(nr).padStart(8))
        .join("")
        .slice(0, bytes);
      const head = "POST /body HTTP/1.1\r\nHost: x\r\n";
      const chunk = `${bytes.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      assert.ok((await server.request(`${head}Content-Length: ${bytes}\r\n\r\n${body}`)).body === body);
      assert.ok((await server.request(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`)).body === body);
    });
  }

  it("may be left unread, and the connection goes on", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    const client = await server.connect();
    const body = "x".repeat(100_000);
    const request = `POST /reads-nothing HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let times = 0; times < 2; times++) {
      client.send(request);
      assert.equal((await client.maybeResponse("POST"))?.body, "not interested");
    }
    client.close();
  });
});

describe("wsgi.errors", () => {
  it("goes to the error log as it is", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    await server.get("/errors");
    await server.running.stderr.find(/^a line by print$/);
    assert.match(server.log, /^one line\nanother line: é\na line by print$/m);
  });
});

describe("start_response", () => {
  it("with exc_info replaces a head that is not sent yet", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    const replaced = await server.get("/replaced");
    assert.equal(replaced.statusLine, "HTTP/1.1 500 Oops");
    const fields = replaced.fields.filter((field) => /^(x-|content-length)/i.test(field));
    assert.deepEqual(fields, ["X-Second: 2", "Content-Length: 5"]);
    assert.equal(replaced.body, "error");
  });

  it("with exc_info raises the exception once the head is sent, and the client is cut off", async (t) => {
    const server = await Server.start(t, ["pep3333"], { trouble: RAISED });
    const cut = await server.get("/too-late");
    assert.equal(cut.framing, "cut");
    assert.equal(cut.body, "the beginning");
    await server.running.stderr.find(/^ValueError: invalid literal for int/);
  });

  it("called twice without exc_info is the application's error", async (t) => {
    const server = await Server.start(t, ["pep3333"], { trouble: RAISED });
    assert.equal(status(await server.get("/twice")), 500);
    await server.running.stderr.find(/^AssertionError: Response headers already set!/);
  });

  it("returns write(), whose bytes come before those of the iterable", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    assert.equal((await server.get("/written")).body, "written, written again, returned");
  });
});

describe("the iterable", () => {
  for (const { how, code, raises } of [
    { how: "whole", code: 200, raises: null },
    { how: "empty-items", code: 200, raises: null },
    { how: "raises", code: 200, raises: /^RuntimeError: raised after the first item/ },
    { how: "raises-at-once", code: 500, raises: /^RuntimeError: raised before the first item/ },
    { how: "no-head", code: 500, raises: /^AssertionError: start_response was not called/ },
    { how: "text", code: 200, raises: /^TypeError: 'no bytes' is not a byte/ },
  ]) {
    it(`is closed when it is "${how}"`, async (t) => {
      const server = await Server.start(t, ["streams"], { ...(raises === null ? {} : { trouble: RAISED }) });
      const directory = temporaryDirectory();
      assert.equal(status(await server.get(`/closing/${how}?${directory}`)), code);
      await fileAppears(join(directory, "closed"));
      if (raises !== null) await server.running.stderr.find(raises);
    });
  }

  it("is closed when the request was HEAD", async (t) => {
    const server = await Server.start(t, ["streams"]);
    const directory = temporaryDirectory();
    const head = `HEAD /closing/whole?${directory} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    assert.equal(status(await server.request(head)), 200);
    await fileAppears(join(directory, "closed"));
  });
});

describe("wsgi.file_wrapper", () => {
  it("sends a file", async (t) => {
    const server = await Server.start(t, ["basics"]);
    assert.equal((await server.get("/file")).body, readFileSync(join(APPS, "basics.py"), "latin1"));
  });

  it("sends what has no descriptor, and closes it", async (t) => {
    const server = await Server.start(t, ["pep3333"]);
    const directory = temporaryDirectory();
    assert.equal((await server.get(`/wrapped?${directory}`)).body, "in a buffer");
    await fileAppears(join(directory, "closed"));
  });
});

describe("the environ", () => {
  for (const { words, kind } of [
    { words: [], kind: "[False, False, False, 'http', (1, 0), True]" },
    { words: ["--workers", "2"], kind: "[False, True, False, 'http', (1, 0), True]" },
    { words: ["--threads", "2"], kind: "[True, False, False, 'http', (1, 0), False]" },
  ]) {
    it(`tells how many processes and threads there are: ${words.join(" ") || "one of each"}`, async (t) => {
      const server = await Server.start(t, [...words, "pep3333"]);
      assert.equal((await server.get("/kind")).body, kind);
    });
  }
});
