/**
 * The log process: lines that Python's logging emits are kept over rotation, reload and its own death.
 */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, it, type TestContext } from "node:test";
import { ask } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { type Expectations, launch, livingGroup } from "./support/server.ts";

after(cleanUp);

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

/** A configuration that writes both logs to files; `mark` is what its lines begin with. */
function configuration(directory: string, mark: string): string {
  const path = join(directory, "log.json");
  const handler = (name: string) => ({
    class: "logging.FileHandler",
    formatter: "marked",
    filename: join(directory, name),
  });
  const logger = (name: string) => ({ level: "INFO", handlers: [name], propagate: false });
  writeFileSync(
    path,
    JSON.stringify({
      formatters: { marked: { format: `${mark} %(process)d %(message)s` } },
      handlers: { access: handler("access"), error: handler("error") },
      loggers: { "gunicorn.error": logger("error"), "gunicorn.access": logger("access") },
      root: { level: "INFO", handlers: [] },
    }),
  );
  return path;
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

async function start(t: TestContext, directory: string, expected: Expectations = {}) {
  const path = configuration(directory, "first");
  const common = ["--bind", `unix:${directory}/socket`, "--access-logformat", "%(m)s %(U)s?%(q)s %(p)s"];
  const running = launch(
    t,
    [...common, "--log-config-json", path, "--workers", String(expected.workers ?? 1), "basics"],
    expected,
  );
  const error = join(directory, "error");
  await eventually(() => read(error).includes("Booting worker"));
  return {
    running,
    error: () => read(error),
    access: () => read(join(directory, "access")),
    get: (target: string) => ask({ path: join(directory, "socket") }, request(target)),
    maybeLogProcess: (): number | undefined =>
      livingGroup(running.pid).find((pid) => read(`/proc/${pid}/cmdline`).startsWith("tunicorn: log ")),
  };
}

it("emits lines of arbiter, gateway and workers as if each had made them itself", async (t) => {
  const server = await start(t, temporaryDirectory());
  const { running } = server;
  await server.get("/echo/%0Aforged?x");
  await eventually(() => server.access() !== "");
  await running.stop();
  const worker = /first (\d+) Booting worker with pid: \1\n/.exec(server.error())?.[1];
  assert.ok(worker, server.error());
  for (const line of ["Starting tunicorn", "Listening at", "Shutting down: Master"]) {
    assert.match(server.error(), new RegExp(`^first ${running.pid} ${line}`, "m"));
  }
  assert.equal(server.access(), `first ${worker} GET /echo/\\x0aforged?x <${worker}>\n`);
  assert.equal(running.stdout.text + running.stderr.text, "");
});

it("loses no line when its files are rotated under load", async (t) => {
  const directory = temporaryDirectory();
  const server = await start(t, directory, { workers: 2 });
  const access = join(directory, "access");
  const COUNT = 400;
  let rotations = 0;
  const timer = setInterval(() => {
    if (!existsSync(access)) return;
    renameSync(access, `${access}.${++rotations}`);
    server.running.signal("SIGUSR1");
  }, 20);
  for (let nr = 0; nr < COUNT; nr += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, each) => server.get(`/echo?${nr + each}`)));
  }
  clearInterval(timer);
  await server.running.stop();
  const text = readdirSync(directory)
    .filter((name) => name.startsWith("access"))
    .map((name) => readFileSync(join(directory, name), "utf8"))
    .join("");
  const numbers = [...text.matchAll(/^first \d+ GET \/echo\?(\d+) <\d+>$/gm)].map(([, nr]) => Number(nr));
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    Array.from({ length: COUNT }, (_, nr) => nr),
  );
  assert.ok(rotations > 0);
});

it("is replaced when it dies, and later lines are written", async (t) => {
  const server = await start(t, temporaryDirectory());
  const killed = server.maybeLogProcess();
  assert.ok(killed !== undefined);
  // One that dies at once is not replaced; this one has lived long enough when another request was served.
  await eventually(() => Date.now() - bornMs(killed) > 1100);
  process.kill(killed, "SIGKILL");
  await eventually(async () => {
    await server.get("/echo?after");
    return server.access().includes("/echo?after");
  });
  assert.notEqual(server.maybeLogProcess(), killed);
  await server.running.stop();
  assert.match(server.error(), /Shutting down: Master/);
});

/** When it was forked, as far as the kernel's clock ticks tell. */
function bornMs(pid: number): number {
  const ticks = Number(
    read(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, "")
      .split(" ")[19],
  );
  const [uptime = 0] = read("/proc/uptime").split(" ").map(Number);
  return Date.now() - uptime * 1000 + ticks * 10;
}

it("takes a changed configuration over with a reload, and keeps the old one when the new one is broken", async (t) => {
  const directory = temporaryDirectory();
  const server = await start(t, directory, { trouble: /Error: Extra data/ });
  configuration(directory, "second");
  server.running.signal("SIGHUP");
  await eventually(() => /^second \d+ Generation 2 is ready|^second/m.test(server.error()));
  await eventually(async () => {
    await server.get("/echo?second");
    return /^second \d+ GET \/echo\?second/m.test(server.access());
  });
  appendFileSync(join(directory, "log.json"), "broken");
  server.running.signal("SIGHUP");
  await eventually(() => /^second \d+ Reload failed: /m.test(server.error()));
  await server.get("/echo?third");
  await eventually(() => /^second \d+ GET \/echo\?third/m.test(server.access()));
});
