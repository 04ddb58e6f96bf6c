/** The npm package in an empty project, as `npm install tunicorn` leaves it. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { Server } from "../server/support/server.ts";
import { cleanUp, EXAMPLES } from "../support/programs.ts";
import { build, npm, npmInstall, pathWith, ROOT, run, succeed, VERSION } from "./support/installed.ts";

after(cleanUp);

const NPX = join(ROOT, ".venv/bin/npm");
let project: string;

before(async () => {
  const { tarball } = await build();
  project = await npmInstall(tarball);
});

describe("what npm has installed", () => {
  it("tells the version to npx tunicorn --version", async () => {
    const said = await succeed(NPX, ["exec", "--offline", "--", "tunicorn", "--version"], { cwd: project });
    assert.equal(said, `tunicorn (version ${VERSION})\n`);
  });

  it("has tunicornctl", async () => {
    const said = await succeed(join(project, "node_modules/.bin/tunicornctl"), ["--help"]);
    assert.match(said, /^usage: tunicornctl /);
  });

  for (const [title, env, python] of [
    ["python3 of PATH", { VIRTUAL_ENV: undefined }, ".venv/bin/python3"],
    ["the Python of the active environment", { PATH: pathWith(join(ROOT, ".venv/bin")) }, ".venv/bin/python"],
  ] as const) {
    it(`serves an application with ${title}`, async (t) => {
      const executable = join(project, "node_modules/.bin/tunicorn");
      const words = ["--chdir", join(EXAMPLES, "flask_app"), "app:app"];
      const server = await Server.start(t, words, { cwd: project, env, executable });
      assert.match((await server.get("/items")).body, /"items":\[\]/);
      const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8")
        .trim()
        .split(" ");
      const programs = children.map((pid) => realpathSync(`/proc/${pid}/exe`));
      assert.ok(programs.includes(realpathSync(join(ROOT, python))), programs.join());
    });
  }

  it("leaves nothing behind when it is uninstalled", async () => {
    await npm(project, "uninstall", "tunicorn");
    assert.deepEqual(globSync("node_modules/{*,.bin/*}", { cwd: project }), []);
  });
});

describe("a Node that is too old", () => {
  const START = join(ROOT, "bin/package/start.cjs");
  const source = readFileSync(START, "utf8");

  it("can read the file that refuses it", () => {
    // What came after 2009: arrows, template strings, let, const and class, modules, optional chaining, spread, a comma
    // after the last argument.
    assert.doesNotMatch(
      source.replace(/\/\/.*/g, ""),
      /=>|`|\b(let|const|class|import|async)\b|\?[.?]|\.\.\.|,\s*\)/,
    );
  });

  for (const version of ["0.10.48", "18.20.8", "20.18.0", "23.11.1"]) {
    it(`as ${version} is told so in one line, and nothing is loaded`, () => {
      const said: string[] = [];
      const codes: number[] = [];
      const left = new Error("exit");
      const module: { exports?: (name: string, module: string) => void } = {};
      runInNewContext(source, {
        module,
        parseInt,
        console: { error: (line: string) => said.push(line) },
        process: {
          versions: { node: version },
          execPath: "/old/node",
          exit: (code: number) => {
            codes.push(code);
            throw left;
          },
        },
        require: (path: string) => assert.fail(`it loads ${path}`),
      });
      assert.throws(() => module.exports?.("tunicorn", "main.js"), left);
      assert.deepEqual(said, [`Error: tunicorn needs Node 24 or later; /old/node is ${version}`]);
      assert.deepEqual(codes, [1]);
    });
  }

  it("is refused, where there is one on this machine", async (t) => {
    const node = "/usr/bin/node";
    const version = existsSync(node) ? (await succeed(node, ["--version"])).trim().slice(1) : "none";
    if (!(Number.parseInt(version, 10) < 24)) return t.skip(`${node}: ${version}`);
    const { code, stdout, stderr } = await run(node, [join(ROOT, "bin/package/tunicorn.cjs"), "--version"]);
    const line = `Error: tunicorn needs Node 24 or later; ${node} is ${version}\n`;
    assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: "", stderr: line });
  });
});
