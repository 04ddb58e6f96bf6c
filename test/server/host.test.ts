/** Which host a request is for: what the application and the logs are told, and what is refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ask } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const request = (line: string, ...fields: readonly string[]): string =>
  [line, ...fields, "", ""].join("\r\n");

describe("the host of a request", () => {
  it("is that of an absolute-form target, whatever Host says, for the application and the access log", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const words = ["--bind", `unix:${path}`, "--access-logfile", "-", "--access-logformat"];
    const server = await Server.start(t, [...words, "%(r)s for %({host}i)s %({http_host}e)s", "basics"]);
    const toTarget = request("GET https://target.example:81/called HTTP/1.1", "Host: field.example");
    assert.match((await server.request(toTarget)).body, /^target\.example:81 127\.0\.0\.1 \d+ http$/);
    const { final } = await ask({ path }, toTarget);
    assert.equal(final?.body, "target.example:81 target.example 81 http");
    const seen = "GET https://target.example:81/called HTTP/1.1 for target.example:81 target.example:81";
    await server.running.stdout.count(new RegExp(`^${seen}$`, "m"), 2);
    assert.doesNotMatch(server.running.stdout.text, /field\.example/);
  });

  it("is that of an absolute-form target in HTTP/1.0, also without Host", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const { body } = await server.request(request("GET http://target.example/called HTTP/1.0"));
    assert.match(body, /^target\.example /);
    assert.match((await server.request(request("GET /called HTTP/1.0"))).body, /^None /);
  });

  it("may be any name, also one of Docker Compose, or an address, with a port or without", async (t) => {
    const server = await Server.start(t, ["basics"]);
    for (const host of ["my_app:8000", "localhost", "192.0.2.1:8000", "[2001:db8::1]:8000", "example.org."]) {
      const answer = await server.request(request("GET /called HTTP/1.1", `Host: ${host}`));
      assert.equal(answer.body.split(" ")[0], host);
    }
  });

  it("is refused when it is none, and the log says why", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const hosts = [
      "",
      "a b",
      "user@example.org",
      "example.org:x",
      "example.org:65536",
      ":80",
      "a/b",
      "b\xfc",
    ];
    for (const host of hosts) {
      const answer = await server.request(request("GET / HTTP/1.1", `Host: ${host}`));
      assert.equal(status(answer), 400, host);
    }
    await server.running.stderr.find(
      /Invalid request from ip=127\.0\.0\.1: Invalid HTTP Header: 'invalid Host header'/,
    );
  });

  it("is refused in a target that names none, another scheme, a user, or a fragment", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const targets = ["http:///a", "ftp://x/a", "http://user@x/a", "http://x:y/a", "http://x/a#b", "/a#b"];
    for (const target of targets) {
      const answer = await server.request(request(`GET ${target} HTTP/1.1`, "Host: x"));
      assert.equal(status(answer), 400, target);
    }
    for (const target of ["example.org", "example.org:", "http://example.org:443", "/a"]) {
      const answer = await server.request(request(`CONNECT ${target} HTTP/1.1`, "Host: x"));
      assert.equal(status(answer), 400, target);
    }
  });
});
