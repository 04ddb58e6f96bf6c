/** Workers that have done enough: another takes their place before they leave, and no request is lost. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { Load } from "./support/load.ts";
import { launch, Server } from "./support/server.ts";

after(cleanUp);

const LEAKING = `
leaked = []
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        leaked.append(b"x" * 1_000_000)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
`;

describe("a worker is replaced, and no request is lost,", () => {
  for (const words of [[], ["--threads", "2"]]) {
    it(`when it has served max_requests ${words.join(" ")}`, async (t) => {
      const server = await Server.start(
        t,
        ["--workers", "2", "--max-requests", "20", "--max-requests-jitter", "5", ...words, "basics"],
        { workers: 2 },
      );
      const load = new Load(server.address, "/echo/steady", /^\/echo\/steady$/);
      const lines = await server.running.stderr.count(
        /Autorestarting worker after current request\. Worker \(pid:\d+\) has served \d+ requests/,
        4,
      );
      await server.running.stderr.count(/Worker exiting/, 3);
      assert.deepEqual(await load.stop(), []);
      const [pid] = /pid:(\d+)/.exec(lines[0] ?? "")?.slice(1) ?? [];
      const order = server.log
        .split("\n")
        .filter((line) => /Booting worker|Worker exiting/.test(line))
        .map((line) =>
          line.includes("Booting") ? "boots" : line.includes(`pid: ${pid})`) ? "leaves" : "other",
        );
      assert.deepEqual(order.slice(0, 3), ["boots", "boots", "boots"], "the successor first");
    });
  }

  it("when it has lived for max_worker_lifetime, also when it is idle", async (t) => {
    const server = await Server.start(t, ["--max-worker-lifetime", "1", "basics"]);
    const [first] = server.booted;
    await server.running.stderr.find(new RegExp(`Worker \\(pid:${first}\\) has reached max_worker_lifetime`));
    await server.running.stderr.find(new RegExp(`Worker exiting \\(pid: ${first}\\)`));
    assert.notEqual((await server.get("/pid")).body, String(first));
  });

  it("when it uses max_worker_memory", async (t) => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, "leaking.py"), LEAKING);
    const server = await Server.start(t, ["--workers", "2", "--max-worker-memory", "100M", "leaking"], {
      cwd,
      workers: 2,
    });
    const load = new Load(server.address, "/leak", /^ok$/, 2);
    await server.running.stderr.count(/Autorestarting worker .* uses \d+ MiB of memory/, 3);
    await server.running.stderr.count(/Worker exiting/, 2);
    assert.deepEqual(await load.stop(), []);
  });
});

describe("a worker that leaves by itself does not stop the server,", () => {
  for (const code of [0, 1, 3, 4]) {
    it(`whatever its exit code: ${code}`, async (t) => {
      const cwd = temporaryDirectory();
      writeFileSync(
        join(cwd, "leaving.py"),
        `import os
def application(environ, start_response):
    if environ["PATH_INFO"] == "/leave":
        os._exit(${code})
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
`,
      );
      const server = await Server.start(t, ["leaving"], { cwd, trouble: /exited with code/ });
      assert.equal((await server.get("/leave")).statusLine, "HTTP/1.1 502 Bad Gateway");
      assert.equal((await server.get("/")).body, "ok");
    });
  }
});

describe("an application that can no longer be imported", () => {
  const GOOD = `def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
`;

  it("is tried again after pauses, while the workers that have it serve on", async (t) => {
    const cwd = temporaryDirectory();
    const app = join(cwd, "fragile.py");
    writeFileSync(app, GOOD);
    const server = await Server.start(t, ["--workers", "2", "fragile"], {
      cwd,
      workers: 2,
      trouble: /exited with code 3|Exception in worker|Traceback|SIGKILL/,
    });
    const load = new Load(server.address, "/", /^ok$/);
    await load.reaches(20);
    writeFileSync(app, "raise SystemExit(3)\n");
    server.signal("SIGTTIN");
    await server.running.stderr.count(/exited with code 3/, 2);
    const before = server.booted.length;
    await load.reaches(load.answered + 20);
    writeFileSync(app, GOOD);
    await server.running.stderr.count(/Booting worker/, before + 1);
    assert.deepEqual(await load.stop(), []);
  });

  it("is not waited for by a reload, whatever pause it has come to", async (t) => {
    const cwd = temporaryDirectory();
    const app = join(cwd, "fragile.py");
    writeFileSync(app, "import os\nos._exit(1)\n");
    const running = launch(t, ["--bind", "127.0.0.1:0", "fragile"], { cwd, trouble: /exited with code 1/ });
    await running.stderr.count(/exited with code 1/, 4); // the next pause is of four seconds
    writeFileSync(app, GOOD);
    running.signal("SIGHUP");
    await running.stderr.find(/Generation 2 is ready/);
    assert.equal(running.stderr.text.match(/exited with code 1/g)?.length, 4);
  });
});
