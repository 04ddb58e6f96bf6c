/** `serve`, as a program of TypeScript uses it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { type ServeOptions, serve, type TunicornServer, VERSION } from "../../src/index.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { APPS, livingGroup, runDirectories } from "./support/server.ts";

after(cleanUp);

const ENV = { PYTHONDONTWRITEBYTECODE: "1" };

async function start(t: TestContext, options: Partial<ServeOptions> = {}): Promise<TunicornServer> {
  const own = { app: "basics", bind: "127.0.0.1:0", cwd: APPS, quiet: true, env: ENV, ...options };
  const server = await serve(own);
  t.after(async () => {
    await server.close({ quick: true });
    assert.deepEqual(runDirectories(server.pid), []);
  });
  return server;
}

async function get(server: TunicornServer, path: string): Promise<string> {
  const response = await fetch(`${server.addresses[0]}${path}`);
  return response.text();
}

/** A directory with an application that says `text`, or does not start when that is empty. */
function saying(text: string, directory = temporaryDirectory()): string {
  const body =
    text === ""
      ? 'raise ImportError("broken")'
      : `def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "${text.length}")])
    return [b"${text}"]`;
  writeFileSync(join(directory, "app.py"), `${body}\n`);
  return directory;
}

describe("a server that a program has started", () => {
  it("is ready and has its address when serve resolves", async (t) => {
    const server = await start(t);
    const ready = once(server, "ready");
    assert.match(server.addresses.join(), /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(await get(server, "/echo/a"), "/echo/a");
    assert.deepEqual(await ready, [server.addresses]);
  });

  it("gets the settings, and tells its lines", async (t) => {
    const lines: string[] = [];
    const server = await start(t, {
      workers: 2,
      accesslog: "-",
      access_log_format: "seen %(U)s",
      loglevel: "debug",
    });
    const logged = once(server, "output");
    server.on("log", (line) => lines.push(line));
    await get(server, "/echo/b");
    assert.deepEqual(await logged, ["seen /echo/b"]);
    await server.close();
    assert.ok(
      lines.some((line) => line.endsWith("[INFO] Handling signal: term")),
      lines.join("\n"),
    );
    assert.equal(lines.filter((line) => line.includes("Worker exiting")).length, 2);
  });

  it("ends by close, which may be called twice, and says so", async (t) => {
    const server = await start(t);
    const exit = once(server, "exit");
    await Promise.all([server.close(), server.close()]);
    assert.deepEqual(await exit, [0, null]);
    await server.close();
    await assert.rejects(get(server, "/"));
  });

  it("ends with the block that uses it", async (t) => {
    let exit: Promise<unknown[]>;
    {
      await using server = await start(t);
      exit = once(server, "exit");
    }
    assert.deepEqual(await exit, [0, null]);
  });

  it("loads the application anew by reload", async (t) => {
    const cwd = saying("one");
    const server = await start(t, { app: "app:app", cwd });
    assert.equal(await get(server, "/"), "one");
    saying("other", cwd);
    const reloaded = once(server, "reloaded");
    await server.reload();
    assert.deepEqual(await reloaded, [server.addresses]);
    assert.equal(await get(server, "/"), "other");
  });

  it("serves on when a reload fails, which the promise and an event tell", async (t) => {
    const cwd = saying("one");
    const server = await start(t, { app: "app:app", cwd });
    saying("", cwd);
    const failed = once(server, "reload-failed");
    await assert.rejects(server.reload(), (error: Error) => {
      assert.equal(error.name, "TunicornError");
      assert.match(error.message, /^Tunicorn did not reload: .*\n(.*\n)*ImportError: broken$/m);
      return true;
    });
    assert.match(String(await failed), /did not start/);
    assert.equal(await get(server, "/"), "one");
  });

  it("that dies does no harm: the program hears of it", async (t) => {
    const server = await start(t);
    const exit = once(server, "exit");
    process.kill(server.pid, "SIGKILL");
    assert.deepEqual(await exit, [null, "SIGKILL"]);
    await server.close();
    await assert.rejects(server.reload(), { name: "TunicornError", signal: "SIGKILL" });
    await (await start(t)).close(); // which removes what the other has left
  });
});

describe("a server that does not start", () => {
  for (const [title, options, exitCode, line] of [
    [
      "because there is no such application",
      { app: "missing:app" },
      3,
      "ModuleNotFoundError: No module named 'missing'",
    ],
    ["because of an address", { bind: "x:y" }, 1, "Error: 'y' is not a valid port number."],
    [
      "because of a number",
      { workers: Number.NaN },
      2,
      "tunicorn: error: argument -w/--workers: invalid int value: 'NaN'",
    ],
  ] as const) {
    it(`is an error with the exit code and the lines: ${title}`, async (t) => {
      await assert.rejects(start(t, options), (error: Error & { exitCode?: number; lines?: string[] }) => {
        assert.equal(error.name, "TunicornError");
        assert.equal(error.exitCode, exitCode);
        assert.ok(error.lines?.includes(line), error.message);
        assert.match(error.message, new RegExp(`^Tunicorn did not start: exit code ${exitCode}\n`));
        return true;
      });
    });
  }

  it("is an error of the caller's for what is no setting", async (t) => {
    await assert.rejects(start(t, { workerz: 1 } as Partial<ServeOptions>), TypeError);
  });

  it("is the system's error for a directory that is not there", async (t) => {
    await assert.rejects(start(t, { cwd: "/nonexistent" }), { code: "ENOENT" });
  });
});

describe("the program that has started a server", () => {
  const program = `
    import { serve } from ${JSON.stringify(join(import.meta.dirname, "../../src/index.ts"))};
    const server = await serve({ app: "basics", bind: "127.0.0.1:0", workers: 2 });
    console.log("serving");
    process.on("SIGUSR2", () => process.exit(7));
  `;

  for (const signal of ["SIGKILL", "SIGUSR2"] as const) {
    it(`takes it along when it ${signal === "SIGKILL" ? "is killed" : "exits"}`, async (t) => {
      const file = join(temporaryDirectory(), "program.ts");
      writeFileSync(file, program);
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
        cwd: APPS,
        detached: true,
        env: { ...process.env, ...ENV },
        stdio: ["ignore", "pipe", "ignore"],
      });
      const group = child.pid ?? 0;
      t.after(() => {
        if (livingGroup(group).length > 0) process.kill(-group, "SIGKILL");
      });
      const [said] = await once(child.stdout, "data");
      assert.equal(String(said), "serving\n");
      assert.ok(livingGroup(group).length >= 6);
      child.kill(signal);
      await eventually(() => livingGroup(group).length === 0);
    });
  }
});

it("the version is there too", () => assert.match(VERSION, /^\d+\.\d+\.\d+/));
