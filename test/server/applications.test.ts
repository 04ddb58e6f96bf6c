/**
 * Real applications on real frameworks, as their users run them, also inside `wsgiref.validate.validator`.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { cleanUp, EXAMPLES, temporaryDirectory } from "../support/programs.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

const PYTHON = resolve(import.meta.dirname, "../../.venv/bin/python");
const LARGE_BYTES = 20 * 1024 * 1024;

interface Framework {
  readonly name: string;
  readonly directory: string;
  readonly app: string;
}

const FRAMEWORKS: readonly Framework[] = [
  { name: "Django", directory: "django_defaults", app: "django_defaults.wsgi:application" },
  { name: "Flask", directory: "flask_app", app: "app:app" },
  { name: "Bottle", directory: "bottle_app", app: "app:app" },
];

/** A copy of the example, with a database of its own, so that tests run beside each other. */
function copyOf({ name, directory }: Framework): string {
  const copy = join(temporaryDirectory(), directory);
  cpSync(join(EXAMPLES, directory), copy, { recursive: true, filter: (path) => !path.endsWith(".sqlite3") });
  if (name === "Django") {
    const { status, stderr } = spawnSync(PYTHON, [join(copy, "manage.py"), "migrate", "--verbosity", "0"]);
    assert.equal(status, 0, String(stderr));
  }
  return copy;
}

async function serve(t: TestContext, framework: Framework, ...words: string[]): Promise<Site> {
  const server = await Server.start(t, ["--chdir", copyOf(framework), ...words, framework.app]);
  const { port } = server.address as { port: number };
  return new Site(`http://127.0.0.1:${port}`);
}

/** A browser's view: cookies are kept. */
class Site {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  cookie(name: string): string {
    return this.#cookies.get(name) ?? "";
  }

  async fetch(path: string, options: RequestInit = {}): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(`${this.#url}${path}`, {
      redirect: "manual",
      ...options,
      headers: { cookie, ...options.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return response;
  }

  async json(path: string, options: RequestInit = {}): Promise<unknown> {
    const response = await this.fetch(path, options);
    assert.equal(response.status, 200);
    return response.json();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

for (const framework of FRAMEWORKS) {
  describe(framework.name, () => {
    it("keeps a session, takes an upload of 20 MB, sends 20 MB, and streams", async (t) => {
      // Longer than this process may be busy with the large file between two requests on one connection.
      const site = await serve(t, framework, "--threads", "2", "--keep-alive", "60");
      assert.deepEqual(await site.json("/session"), { visits: 1 });
      assert.deepEqual(await site.json("/session"), { visits: 2 });

      const sent = Buffer.alloc(LARGE_BYTES, "tunicorn ");
      const form = new FormData();
      form.set("file", new Blob([sent]), "large.bin");
      assert.deepEqual(await site.json("/upload", { method: "POST", body: form }), {
        name: "large.bin",
        size: LARGE_BYTES,
        sha256: sha256(sent),
      });

      const download = new Uint8Array(await (await site.fetch(`/download/${LARGE_BYTES}`)).arrayBuffer());
      const expected = new Uint8Array(LARGE_BYTES).map((_, index) => index & 0xff);
      assert.equal(sha256(download), sha256(expected));

      const stream = await site.fetch("/stream?lines=3");
      assert.equal(stream.headers.get("transfer-encoding"), "chunked");
      assert.equal(await stream.text(), "line 1\nline 2\nline 3\n");
    });
  });
}

describe("Django's guestbook", () => {
  it("writes what a form posts to its database and shows it, and refuses a form without a token", async (t) => {
    const site = await serve(t, FRAMEWORKS[0] as Framework);
    const page = await (await site.fetch("/")).text();
    const field = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(page)?.[1] ?? "";
    const entry = { name: "Grace", message: "a message & its escape" };
    const posted = await site.fetch("/", {
      method: "POST",
      body: new URLSearchParams({ ...entry, csrfmiddlewaretoken: field }),
    });
    assert.equal(posted.status, 302);
    assert.match(await (await site.fetch("/")).text(), /a message &amp; its escape/);
    const refused = await site.fetch("/", { method: "POST", body: new URLSearchParams(entry) });
    assert.equal(refused.status, 403);
    assert.equal((await site.fetch("/static/guestbook/style.css")).status, 200);
    assert.equal((await site.fetch("/admin/login/")).status, 200);
  });
});

describe("wsgiref.validate", () => {
  it("passes around every example", async (t) => {
    const words = ["--pythonpath", resolve(import.meta.dirname, "apps")];
    for (const framework of FRAMEWORKS) {
      const validated: Framework = { ...framework, app: `validated:around('${framework.app}')` };
      const site = await serve(t, validated, ...words);
      assert.equal((await site.fetch("/environ")).status, 200);
      assert.equal((await site.fetch("/stream?lines=2")).status, 200);
      assert.deepEqual(await site.json("/upload", { method: "POST", body: "raw bytes" }), {
        name: null,
        size: 9,
        sha256: sha256(Buffer.from("raw bytes")),
      });
      assert.equal((await site.fetch("/download/1000", { method: "HEAD" })).status, 200);
    }
  });
});
