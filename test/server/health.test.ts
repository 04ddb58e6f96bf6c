/** The health pages: who asks them, and what they say of a server at each time of its life. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Address, ask } from "../support/client.ts";
import { cleanUp, type Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { launch, Server } from "./support/server.ts";

after(cleanUp);

/** `200 ok`, or "refused". */
async function page(address: Address, path: string): Promise<string> {
  try {
    const { final } = await ask(address, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return `${final?.statusLine.split(" ")[1]} ${final?.body.trim()}`;
  } catch {
    return "refused";
  }
}

async function healthAddress(running: Running): Promise<Address> {
  const line = await running.stderr.find(/Health pages at: http:\/\/127\.0\.0\.1:\d+$/);
  return { host: "127.0.0.1", port: Number(/\d+$/.exec(line)?.[0]) };
}

const PATHS = ["--health-path", "/up", "--readiness-path", "/ready"];

describe("health pages", () => {
  it("say that no worker is ready while the application is imported", async (t) => {
    const markers = temporaryDirectory();
    const words = ["--bind", "127.0.0.1:0", ...PATHS, "slow_to_import"];
    const running = launch(t, words, { env: { MARKERS: markers } });
    const address = await running.address();
    await eventually(() => readdirSync(markers).length > 0);
    await eventually(async () => (await page(address, "/up")) === "200 ok");
    assert.equal(await page(address, "/ready"), "503 not ready: no worker is ready");
    letGo(markers);
    await eventually(async () => (await page(address, "/ready")) === "200 ready");
  });

  it("answer while every worker is busy, and are not in the access log", async (t) => {
    const log = join(temporaryDirectory(), "access.log");
    const server = await Server.start(t, ["--access-logfile", log, ...PATHS, "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    assert.equal(await page(server.address, "/up"), "200 ok");
    assert.equal(await page(server.address, "/ready"), "200 ready");
    letGo(directory);
    await held.maybeResponse();
    await eventually(() => readFileSync(log, "utf8").includes("/hold/working"));
    assert.doesNotMatch(readFileSync(log, "utf8"), /\/up|\/ready/);
  });

  it("say that the server is leaving, while clients are still accepted", async (t) => {
    const server = await Server.start(t, ["--drain-delay", "1000", ...PATHS, "basics"]);
    server.signal("SIGTERM");
    await eventually(
      async () => (await page(server.address, "/ready")) === "503 not ready: the server is leaving",
    );
    assert.equal(await page(server.address, "/up"), "200 ok");
    server.signal("SIGTERM");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("can have an address of their own, where there is nothing else", async (t) => {
    const words = ["--health-bind", "127.0.0.1:0", "--readiness-path", "/echo/ready"];
    const server = await Server.start(t, [...words, "basics"]);
    const own = await healthAddress(server.running);
    assert.equal(await page(own, "/healthz"), "200 ok");
    assert.equal(await page(own, "/echo/ready"), "200 ready");
    assert.equal(await page(own, "/echo"), "404 only health pages are here");
    assert.equal(await page(server.address, "/echo/ready"), "200 /echo/ready");
  });

  it("come and go with a reload", async (t) => {
    const file = join(temporaryDirectory(), "settings.py");
    writeFileSync(file, "");
    const server = await Server.start(t, ["-c", file, "basics"]);
    writeFileSync(file, "health_bind = '127.0.0.1:0'\nreadiness_path = '/ready'\n");
    server.signal("SIGHUP");
    const own = await healthAddress(server.running);
    await eventually(async () => (await page(own, "/ready")) === "200 ready");
    assert.equal(await page(server.address, "/echo"), "200 /echo");
    writeFileSync(file, "");
    server.signal("SIGHUP");
    await eventually(async () => (await page(own, "/ready")) === "refused");
    assert.equal(await page(server.address, "/echo"), "200 /echo");
  });
});
