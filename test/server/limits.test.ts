import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ask, type Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

describe("limit_request_body", () => {
  it("answers 413 before the body has arrived when its length is known, and as soon as chunks exceed it", async (t) => {
    const server = await Server.start(t, ["--limit-request-body", "1000", "basics"]);
    const announced = await server.request("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    assert.equal(announced.statusLine, "HTTP/1.1 413 Content Too Large");
    const chunk = `1F4\r\n${"x".repeat(500)}\r\n`;
    const head = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.equal(
      (await server.request(`${head}${chunk}${chunk}1\r\nx\r\n`)).statusLine,
      announced.statusLine,
    );
    assert.equal((await server.request(`${head}${chunk}${chunk}0\r\n\r\n`)).body.length, 1000);
  });
});

describe("a client's time", () => {
  it("is not over when its request has arrived, and it was the gateway that could not look", async (t) => {
    const server = await Server.start(t, ["--keep-alive", "1", "basics"]);
    const gateway = await server.child(/tunicorn: gateway/);
    const clients = await Promise.all(Array.from({ length: 5 }, () => server.connect()));
    const askAll = (path: string): void => {
      for (const client of clients) client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    };
    askAll("/echo/before");
    for (const client of clients) assert.equal((await client.maybeResponse("GET"))?.body, "/echo/before");
    process.kill(gateway, "SIGSTOP");
    askAll("/echo/after");
    await new Promise((resolve) => setTimeout(resolve, 1500)); // what must pass here is the time itself
    process.kill(gateway, "SIGCONT");
    for (const client of clients) {
      assert.equal((await client.maybeResponse("GET"))?.body, "/echo/after");
      client.close();
    }
  });
});

describe("the queue's bounds", () => {
  it("refuse more requests than may wait, and give up those that wait too long, with 503", async (t) => {
    const server = await Server.start(t, ["--max-queue", "1", "--queue-timeout", "1", "basics"]);
    const directory = temporaryDirectory();
    const busy = server.get(`/hold/busy?${directory}`);
    await fileAppears(join(directory, "began-busy"));
    const [one, other] = await Promise.all([server.get("/echo/one"), server.get("/echo/other")]);
    assert.deepEqual([status(one), status(other)], [503, 503]);
    assert.ok(one.fields.includes("Retry-After: 1"));
    await server.running.stderr.find(/\[WARNING\] No worker was free for 1 request/);
    writeFileSync(join(directory, "go"), "");
    assert.equal((await busy).body, "held busy");
    assert.equal((await server.get("/echo")).body, "/echo");
  });
});

describe("max_connections", () => {
  it("lets more clients wait until a connection closes, and says so", async (t) => {
    const words = ["--max-connections", "2", "--keep-alive", "60", "--access-logfile", "-", "basics"];
    const server = await Server.start(t, words);
    const clients = [await server.connect(), await server.connect(), await server.connect()] as const;
    const [one, other, waiting] = clients;
    waiting.send("GET /echo/waited HTTP/1.1\r\nHost: x\r\n\r\n");
    await server.running.stderr.find(
      /\[WARNING\] All 2 connections of the gateway are in use; more clients wait/,
    );
    for (const client of [one, other, one]) {
      client.send("GET /echo/in HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal((await client.maybeResponse("GET"))?.body, "/echo/in");
    }
    one.close();
    assert.equal((await waiting.maybeResponse("GET"))?.body, "/echo/waited");
    await server.running.stdout.find(/\/echo\/waited/);
    const order = server.running.stdout.text.match(/\/echo\/\w+/g);
    assert.deepEqual(order, ["/echo/in", "/echo/in", "/echo/in", "/echo/waited"]);
    for (const client of clients) client.close();
  });

  it("serves all clients in the end, over every address", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const server = await Server.start(t, ["--max-connections", "3", "--bind", `unix:${path}`, "basics"]);
    const request = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, nr) => ask(nr % 2 === 0 ? server.address : { path }, request)),
    );
    for (const { final } of answers) assert.equal(final?.body, "/echo");
    assert.doesNotMatch(server.log, /Gateway|cannot listen/);
  });

  it("is counted anew by a gateway that takes over, and does not keep a full server from stopping", async (t) => {
    const server = await Server.start(t, ["--max-connections", "1", "--keep-alive", "60", "basics"], {
      trouble: /Gateway \(pid:\d+\) was killed/,
    });
    const fill = async (): Promise<Client> => {
      const client = await server.connect();
      client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
      assert.equal(status(await client.maybeResponse("GET")), 200);
      return client;
    };
    const first = await fill();
    process.kill(await server.child(/tunicorn: gateway/), "SIGKILL");
    assert.equal(await first.rest(), "");
    const second = await fill();
    const waiting = await server.connect();
    await server.running.stop();
    assert.equal(await second.rest(), "");
    assert.equal(await waiting.rest(), "");
    for (const client of [first, second, waiting]) client.close();
  });
});

describe("listening", () => {
  it("at a Unix socket and at an address at once", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const server = await Server.start(t, ["--bind", `unix:${path}`, "--umask", "0117", "basics"]);
    const { final } = await ask({ path }, "GET /echo/unix HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(final?.body, "/echo/unix");
    assert.equal(statSync(path).mode & 0o777, 0o660);
    assert.match(
      server.log,
      new RegExp(`Listening at: http://127\\.0\\.0\\.1:\\d+,unix:${path} \\(${server.pid}\\)`),
    );
    await server.running.stop();
    assert.throws(() => statSync(path), /ENOENT/);
  });
});

describe("the access log", () => {
  it("has a line for each request whose head could be read, also when it is refused", async (t) => {
    const server = await Server.start(t, ["--access-logfile", "-", "--limit-request-body", "10", "basics"]);
    const head = (path: string, ...fields: readonly string[]): string =>
      [`POST /${path} HTTP/1.1`, "Host: x", ...fields, "", ""].join("\r\n");
    const length = "Content-Length: 11";
    const chunked = "Transfer-Encoding: chunked";
    for (const [request, answer] of [
      [head("length", length), 413],
      [`${head("chunks", chunked)}b\r\n12345678901\r\n`, 413],
      [`${head("broken", chunked)}x\r\n`, 400],
      [head("both", length, chunked), 400],
      [head("coding", "Transfer-Encoding: x, chunked"), 501],
      [head("expecting", "Expect: tea"), 417],
      [head("scheme", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"), 400],
      [head("outside", "SCRIPT_NAME: /app"), 500],
    ] as const) {
      assert.equal(status(await server.request(request)), answer);
      const path = request.slice("POST ".length, request.indexOf(" HTTP"));
      await server.running.stdout.find(new RegExp(`"POST ${path} HTTP/1.1" ${answer} 0 `));
    }
    assert.equal(status(await server.request("POST /unread HTTP/1.1\r\nHost x\r\n\r\n")), 400);
    await server.get("/echo/last");
    await server.running.stdout.find(/GET \/echo\/last /);
    assert.doesNotMatch(server.running.stdout.text, /unread/);
  });

  it("is Gunicorn's default format, in a file or on stdout, and cannot be forged", async (t) => {
    const path = join(temporaryDirectory(), "access.log");
    const server = await Server.start(t, ["--access-logfile", path, "basics"]);
    await server.request('GET /echo/%0Aforged?q HTTP/1.1\r\nHost: x\r\nUser-Agent: a "quoted" \xe9\r\n\r\n');
    await eventually(() => readFileSync(path, "utf8").split("\n").length > 2);
    const line = readFileSync(path, "utf8").split("\n")[1];
    assert.match(
      line ?? "",
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/echo\/%0Aforged\?q HTTP\/1\.1" 200 13 "-" "a \\"quoted\\" \\xe9"$/,
    );
    const toStdout = await Server.start(t, ["--access-logfile", "-", "basics"]);
    await toStdout.get("/echo/stdout");
    await toStdout.running.stdout.find(/"GET \/echo\/stdout HTTP\/1\.1" 200 12 /);
  });
});
