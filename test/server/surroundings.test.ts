import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { APPS, Server } from "./support/server.ts";

after(cleanUp);

/** What apps/surroundings.py has seen. */
interface Seen {
  readonly atImport: string | null;
  readonly inRequest: string | null;
  readonly directory: string;
  readonly path: readonly string[];
}

async function see(server: Server): Promise<Seen> {
  return JSON.parse((await server.get("/")).body) as Seen;
}

describe("the environment of the application", () => {
  for (const words of [[], ["--preload"]]) {
    it(`has what --env sets, when it is imported and in requests ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "-e", "GREETING=a = b", "surroundings"]);
      const { atImport, inRequest } = await see(server);
      assert.deepEqual([atImport, inRequest], ["a = b", "a = b"]);
    });
  }

  it("has what the server's has, and --env wins", async (t) => {
    const env = { GREETING: "inherited" };
    const inheriting = await Server.start(t, ["surroundings"], { env });
    assert.equal((await see(inheriting)).atImport, "inherited");
    const setting = await Server.start(t, ["--env", "GREETING=set", "surroundings"], { env });
    assert.equal((await see(setting)).atImport, "set");
  });
});

describe("the directory of the application", () => {
  it("is the one the server was started in, and the first that modules are looked for in", async (t) => {
    const seen = await see(await Server.start(t, ["surroundings"]));
    assert.equal(seen.directory, realpathSync(APPS));
    assert.equal(seen.path[0], realpathSync(APPS));
  });

  it("is that of --chdir, and so are relative paths of other settings", async (t) => {
    const directory = realpathSync(temporaryDirectory());
    mkdirSync(join(directory, "project"));
    cpSync(join(APPS, "surroundings.py"), join(directory, "project", "surroundings.py"));
    const words = ["--chdir", "project", "--pid", "pid", "surroundings"];
    const server = await Server.start(t, words, { cwd: directory });
    const seen = await see(server);
    assert.equal(seen.directory, join(directory, "project"));
    assert.equal(seen.path[0], join(directory, "project"));
    assert.equal(readFileSync(join(directory, "project/pid"), "utf8"), `${server.pid}\n`);
  });
});

describe("--pythonpath", () => {
  it("comes before the directory of the application, the last first", async (t) => {
    const [first, last] = [temporaryDirectory(), temporaryDirectory()];
    const answer = (text: string): string =>
      `def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"${text}"]\n`;
    writeFileSync(join(first, "basics.py"), answer("from the first"));
    writeFileSync(join(first, "found.py"), answer("from the first"));
    writeFileSync(join(last, "found.py"), answer("from the last"));
    const words = ["--pythonpath", `${first},${last}`];
    assert.equal((await (await Server.start(t, [...words, "found"])).get("/")).body, "from the last");
    assert.equal((await (await Server.start(t, [...words, "basics"])).get("/")).body, "from the first");
  });
});
