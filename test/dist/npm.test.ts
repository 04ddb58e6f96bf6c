/** The npm package in an empty project, as `npm install tunicorn` leaves it. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
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

const PROGRAM = `
import { once } from "node:events";
import { defineConfig, type ServeOptions, serve, TunicornError, VERSION } from "tunicorn";

const options: ServeOptions = { app: "app:app", cwd: ${JSON.stringify(join(EXAMPLES, "flask_app"))}, bind: "127.0.0.1:0" };
const server = await serve({ ...options, workers: 2, preload_app: true, timeout: 30, raw_env: ["A=b"], quiet: true });
const exit = once(server, "exit");
const [address = ""]: readonly string[] = server.addresses;
console.log((await (await fetch(address + "/items")).text()).trim());
server.on("reloaded", (addresses: readonly string[]) => console.log("reloaded", ...addresses.slice(1)));
await server.reload();
await server.close();
console.log("exit", (await exit)[0]);

async function never(): Promise<void> {
  defineConfig({ workers: 2, bind: ["127.0.0.1:0"], accesslog: "-" });
  // @ts-expect-error: a number
  defineConfig({ workers: "2" });
  // @ts-expect-error: there is no application
  await serve({ bind: "127.0.0.1:0" });
  // @ts-expect-error: no such setting
  await serve({ app: VERSION, workerz: 2 });
  // @ts-expect-error: a number
  await serve({ app: VERSION, workers: "2" });
  // @ts-expect-error: it waits for the server
  await serve({ app: VERSION, daemon: true });
  // @ts-expect-error: a function needs a configuration file
  await serve({ app: VERSION, on_starting: () => {} });
  // @ts-expect-error: no such event
  server.on("reloadd", () => {});
  const code: number | null = new TunicornError("", { code: 1, signal: null }, []).exitCode;
}
`;

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

  it("is used by a program of TypeScript, whose types are checked", async () => {
    const file = join(project, "program.ts");
    writeFileSync(file, PROGRAM);
    const words = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2024",
    ];
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    await succeed(process.execPath, [tsc, ...words, ...types, file], { cwd: project });
    const env = { VIRTUAL_ENV: join(ROOT, ".venv") };
    const said = await succeed(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
      cwd: project,
      env,
    });
    assert.equal(said, '{"items":[]}\nreloaded\nexit 0\n');
  });

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
