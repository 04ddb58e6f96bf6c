/** --reload: a save is served at once, whatever it has broken, and no request is lost. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { type Address, ask, fieldValue, type Response } from "../support/client.ts";
import { cleanUp, type Running, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Load } from "./support/load.ts";
import { launch } from "./support/server.ts";

after(cleanUp);

const BROKEN =
  /Exception (in worker process|while preloading)|Traceback|Likely cause|Reload failed|Error: |exited with code/;

class Site {
  readonly directory = temporaryDirectory();
  running!: Running;
  address!: Address;

  /** The application is shop.py. */
  async serve(t: TestContext, words: readonly string[] = [], isBroken = false): Promise<void> {
    const all = ["--bind", "127.0.0.1:0", "--log-level", "debug", "--reload", ...words, "shop"];
    this.running = launch(t, all, { cwd: this.directory, ...(isBroken && { trouble: BROKEN }) });
    this.address = await this.running.address();
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  /** As most editors do it: nobody finds the file empty, or half of it. */
  replace(name: string, text: string): void {
    this.write(`${name}.new`, text);
    renameSync(this.path(`${name}.new`), this.path(name));
  }

  /** When changes of it are noticed. */
  async watches(name: string): Promise<void> {
    await this.running.stderr.find(new RegExp(`Watching .*/${name.replaceAll(".", "\\.")}(,|$)`));
  }

  async get(accept = "*/*"): Promise<Response> {
    const request = `GET / HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`;
    const { final } = await ask(this.address, request);
    assert.ok(final, this.running.stderr.text);
    return final;
  }

  async serves(body: string): Promise<void> {
    await eventually(async () => (await this.get()).body === body).catch((error: Error) => {
      throw new Error(`${error.message}; log:\n${this.running.stderr.text.slice(-6000)}`);
    });
  }
}

function answering(text: string): string {
  return `def application(environ, start_response):
    body = ${text}.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
`;
}

describe("--reload", () => {
  for (const words of [[], ["--preload"], ["--reload-engine", "poll"], ["--threads", "2"]]) {
    it(`serves what is saved, in the application and in what it imports ${words.join(" ")}`, async (t) => {
      const site = new Site();
      site.write("names.py", "NAME = 'first'\n");
      site.write("shop.py", `import names\n${answering("names.NAME")}`);
      await site.serve(t, words);
      await site.serves("first");
      await site.watches("names.py");
      site.write("names.py", "NAME = 'second of all'\n");
      await site.serves("second of all");
      await site.running.stderr.find(/Worker reloading: .*names\.py modified/);
      site.replace("shop.py", answering("'third'"));
      await site.serves("third");
    });
  }

  it("loses no request", async (t) => {
    const site = new Site();
    site.write("shop.py", answering("'version 0'"));
    await site.serve(t, ["--workers", "2"]);
    await site.serves("version 0");
    await site.watches("shop.py");
    const load = new Load(site.address, "/", /^version \d$/, 4);
    for (const version of [1, 2, 3]) {
      site.replace("shop.py", answering(`'version ${version}'`));
      await site.serves(`version ${version}`);
    }
    await load.reaches(load.answered + 20);
    assert.deepEqual(await load.stop(), [], site.running.stderr.text);
  });

  it("watches modules that are imported late", async (t) => {
    const site = new Site();
    site.write("late.py", "NAME = 'early bird'\n");
    site.write("shop.py", answering("__import__('late').NAME"));
    await site.serve(t);
    await site.serves("early bird");
    await site.watches("late.py");
    site.write("late.py", "NAME = 'worm'\n");
    await site.serves("worm");
  });

  const FAILURES = [
    { title: "a syntax error", source: "def application(:\n", says: /SyntaxError: / },
    { title: "a name that is not there", source: "print(undefined)\n", says: /NameError: name .*undefined/ },
    { title: "a module that is missing", source: "import not_there\n", says: /No module named .*not_there/ },
    {
      title: "a callable that is missing",
      source: "app = None\n",
      says: /Failed to find attribute .*application/,
    },
    { title: "an exit", source: "import sys\nsys.exit(3)\n", says: /SystemExit: 3/ },
  ];
  for (const { title, source, says } of FAILURES) {
    it(`shows ${title} in the browser until the next save mends it`, async (t) => {
      const site = new Site();
      site.write("shop.py", answering("'good'"));
      await site.serve(t, [], true);
      await site.serves("good");
      await site.watches("shop.py");
      site.write("shop.py", source);
      await eventually(async () => (await site.get()).statusLine === "HTTP/1.1 500 Internal Server Error");
      const { body, fields } = await site.get();
      assert.match(body, says);
      assert.match(fieldValue(fields, "content-type") ?? "", /^text\/plain/);
      site.write("shop.py", answering("'mended'"));
      await site.serves("mended");
    });
  }

  for (const words of [[], ["--preload"]]) {
    it(`starts with an application that is broken, escapes what it shows, and finds a new file ${words.join(" ")}`, async (t) => {
      const site = new Site();
      site.write("shop.py", `assert __import__('missing'), '<script>'\n${answering("'found'")}`);
      await site.serve(t, words, true);
      await eventually(async () => (await site.get()).body.includes("No module named 'missing'"));
      const page = await site.get("text/html,application/xhtml+xml");
      assert.match(fieldValue(page.fields, "content-type") ?? "", /^text\/html/);
      assert.match(page.body, /<h1>ModuleNotFoundError: No module named &#x27;missing&#x27;<\/h1>/);
      assert.match(page.body, /&lt;script&gt;/);
      assert.doesNotMatch(page.body, /<script>/);
      assert.doesNotMatch(site.running.stderr.text, /Worker reloading/);
      site.write("missing.py", "");
      await site.serves("found");
      // Nothing below the directory is watched any more but what is imported.
      rmSync(site.path("missing.py"));
      await eventually(async () => (await site.get()).body.includes("No module named 'missing'"));
    });
  }

  it("survives an application that ends its process when it is imported", async (t) => {
    const site = new Site();
    site.write("shop.py", answering("'good'"));
    await site.serve(t, [], true);
    await site.serves("good");
    await site.watches("shop.py");
    site.write("shop.py", "import os\nos._exit(3)\n");
    await site.running.stderr.find(/Reload failed: a new worker did not start/);
    assert.equal((await site.get()).body, "good");
    site.write("shop.py", answering("'mended'"));
    await site.serves("mended");
  });

  it("watches files, directories and patterns besides, also files that are made later", async (t) => {
    const site = new Site();
    mkdirSync(site.path("templates"));
    site.write("shop.ini", "");
    site.write(
      "shop.py",
      `import pathlib\nTEXT = ",".join(sorted(p.name for p in pathlib.Path().glob("**/*.*") if p.suffix in (".html", ".txt")))\n${answering("TEXT")}`,
    );
    const extra = ["shop.ini", "templates", "*.txt"].flatMap((entry) => ["--reload-extra-file", entry]);
    await site.serve(t, extra);
    await site.serves("");
    await site.watches("shop.py");
    site.write("templates/page.html", "");
    await site.serves("page.html");
    site.write("note.txt", "");
    await site.serves("note.txt,page.html");
    rmSync(site.path("note.txt"));
    await site.serves("page.html");
    const reloads = (): number => site.running.stderr.text.match(/Worker reloading/g)?.length ?? 0;
    const before = reloads();
    site.write("shop.ini", "changed");
    await eventually(() => reloads() > before);
  });

  it("reads the configuration file anew when that is saved, and can be switched off so", async (t) => {
    const site = new Site();
    site.write("shop.py", answering("__import__('os').environ.get('NAME', 'none')"));
    site.write("settings.py", "reload = True\n");
    const running = launch(t, ["--bind", "127.0.0.1:0", "-c", "settings.py", "shop"], {
      cwd: site.directory,
    });
    site.running = running;
    site.address = await running.address();
    await site.serves("none");
    site.write("settings.py", "reload = False\nraw_env = ['NAME=new']\n");
    await site.serves("new");
    const { length } = running.stderr.lines();
    site.write("settings.py", "reload = True\n");
    running.signal("SIGHUP");
    await running.stderr.find(/Generation 3 is ready/, length);
    assert.equal(running.stderr.text.match(/Reloader is on/g)?.length, 2);
    assert.equal(running.stderr.text.match(/Worker reloading/g)?.length, 1);
  });
});
