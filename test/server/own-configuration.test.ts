/** Settings in TypeScript, JSON and pyproject.toml, of servers that run. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { APPS, Server } from "./support/server.ts";

after(cleanUp);

function project(files: Readonly<Record<string, string>>): {
  directory: string;
  write(name: string, text: string): void;
} {
  const directory = temporaryDirectory();
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { directory, write };
}

/** `who` tells its environment; it is found by its path. */
function start(t: TestContext, directory: string, words: readonly string[] = []): Promise<Server> {
  return Server.start(t, ["--pythonpath", APPS, ...words, "who"], {
    cwd: directory,
    trouble: /Reload failed|Failed to read|\[ERROR\]|Error: /,
  });
}

async function title(server: Server): Promise<string> {
  return JSON.parse((await server.get("/")).body).title;
}

async function fails(directory: string, words: readonly string[] = []): Promise<string> {
  const running = new Running("tunicorn", ["--bind", "127.0.0.1:0", ...words, "who"], { cwd: directory });
  const { code } = await running.waitForExit();
  assert.equal(code, 1, running.stderr.text);
  return running.stderr.text;
}

const TYPESCRIPT = `
import { defineConfig, type TunicornConfig } from "tunicorn";
import { name } from "./parts.ts";
const common: TunicornConfig = { keepalive: 3 };
export default defineConfig(async () => ({ ...common, proc_name: name }));
`;

describe("settings that are not Python's", () => {
  it("come from tunicorn.config.ts and what it imports, also anew at HUP", async (t) => {
    const { directory, write } = project({
      "tunicorn.config.ts": TYPESCRIPT,
      "parts.ts": "export const name: string = 'one';",
    });
    const server = await start(t, directory);
    assert.equal(await title(server), "tunicorn: worker [one]");
    write("parts.ts", "export const name: string = 'two';");
    server.signal("SIGHUP");
    await eventually(async () => (await title(server)) === "tunicorn: worker [two]");
    write("parts.ts", "export const name: string = ;");
    server.signal("SIGHUP");
    await server.running.stderr.find(/Reload failed: Failed to read config file: .*tunicorn\.config\.ts/);
    assert.match(server.log, /parts\.ts/);
    await server.running.stderr.find(/The old settings stay in force\./);
    assert.equal(await title(server), "tunicorn: worker [two]");
    write("parts.ts", "export const name: string = 'three';");
    server.signal("SIGHUP");
    await eventually(async () => (await title(server)) === "tunicorn: worker [three]");
  });

  it("come from pyproject.toml, and lose against the command line", async (t) => {
    const { directory } = project({
      "pyproject.toml":
        '[project]\nname = "shop"\n\n[tool.tunicorn]\nproc_name = "toml"\nworkers = 2\nraw_env = ["A=b"]\n',
    });
    const server = await start(t, directory, ["--name", "word"]);
    assert.equal(await title(server), "tunicorn: worker [word]");
    await server.running.stderr.count(/Booting worker/, 2);
  });

  it("come from the first file, which says that others are not read", async (t) => {
    const { directory } = project({
      "tunicorn.config.mjs": "export default { proc_name: 'module' };",
      "tunicorn.config.json": '{"proc_name": "json"}',
    });
    const server = await start(t, directory);
    assert.equal(await title(server), "tunicorn: worker [module]");
    assert.match(
      server.log,
      /\[WARNING\] The settings are those of tunicorn\.config\.mjs; not read: tunicorn\.config\.json/,
    );
    const other = await start(t, directory, ["-c", "tunicorn.config.json"]);
    assert.equal(await title(other), "tunicorn: worker [json]");
  });

  it("are shown with their source, and checked", async () => {
    const { directory } = project({ "tunicorn.config.json": '{"workers": 7}' });
    const words = ["--print-config=json", "--pythonpath", APPS, "who"];
    const running = new Running("tunicorn", words, { cwd: directory });
    assert.equal((await running.waitForExit()).code, 0);
    const { workers } = JSON.parse(running.stdout.text).settings ?? JSON.parse(running.stdout.text);
    assert.deepEqual(workers, { value: 7, source: "configuration file" });
  });

  const BROKEN: readonly [title: string, file: string, text: string, says: RegExp][] = [
    [
      "that is no TypeScript",
      "tunicorn.config.ts",
      "export default {",
      /Failed to read config file: .*\n[\s\S]*SyntaxError/,
    ],
    [
      "that raises",
      "tunicorn.config.ts",
      "throw new Error('no');",
      /Failed to read config file: .*\nError: no\n.*tunicorn\.config\.ts:1/,
    ],
    ["that exports nothing", "tunicorn.config.ts", "export const x = 1;", /is there a default export\?/],
    [
      "that ends the process",
      "tunicorn.config.ts",
      "process.exit(7);",
      /Node left with code 7 while it read the file/,
    ],
    [
      "with a hook",
      "tunicorn.config.ts",
      "export default { post_fork() {} };",
      /post_fork is a function: hooks are functions of Python/,
    ],
    [
      "with a wrong value",
      "tunicorn.config.json",
      '{"workers": "many"}',
      /Invalid value for workers: "many"\n[\s\S]*Error: invalid literal/,
    ],
    [
      "with an unknown name",
      "tunicorn.config.json",
      '{"wokers": 1}',
      /Error: wokers is no setting; did you mean workers\?/,
    ],
  ];
  for (const [what, file, text, says] of BROKEN) {
    it(`in a file ${what} end the start with 1 and the reason`, async () => {
      const { directory } = project({ [file]: text });
      assert.match(await fails(directory), says);
    });
  }
});
