import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Client } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { APPS, launch, Server, status } from "./support/server.ts";
import { NO_SMALL_DISK, smallDisk, unmountAll } from "./support/small-disk.ts";

after(async () => {
  unmountAll();
  await cleanUp();
});

const LARGE_BYTES = 4 * 1024 * 1024;
const SMALL_DISK = "2m";

/** Files of all instances that spool there. */
function spooled(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

function post(bytes: number): string {
  return `POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;
}

/** A body of unknown length is spooled, however little it is above what stays in memory. */
async function isWorking(server: Server): Promise<void> {
  const body = "x".repeat(100_000);
  const head = "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const response = await server.request(`${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  assert.equal(response.body, body);
}

describe("tmp_upload_dir", () => {
  it("holds large bodies while they come, with names of ours, and nothing afterwards", async (t) => {
    const directory = temporaryDirectory();
    const server = await Server.start(t, ["--tmp-upload-dir", directory, "basics"]);
    const client = await server.connect();
    client.send(post(LARGE_BYTES) + "x".repeat(LARGE_BYTES - 1));
    await eventually(() => spooled(directory).length === 1);
    client.send("y");
    assert.equal((await client.maybeResponse("POST"))?.body, `${"x".repeat(LARGE_BYTES - 1)}y`);
    await eventually(() => spooled(directory).length === 0);
    client.close();
    await server.running.stop();
    assert.deepEqual(readdirSync(directory), []);
  });

  it("may be relative to chdir, and a link", async (t) => {
    const chdir = temporaryDirectory();
    mkdirSync(join(chdir, "uploads"));
    symlinkSync("uploads", join(chdir, "link"));
    writeFileSync(join(chdir, "app.py"), "from basics import application\n");
    const words = ["--chdir", chdir, "--pythonpath", APPS, "--tmp-upload-dir", "link", "app"];
    const server = await Server.start(t, words);
    assert.equal(readdirSync(join(chdir, "uploads")).length, 1);
    await isWorking(server);
  });

  it("that is missing or a file is refused at the start, with one line", async (t) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "file"), "");
    for (const [name, reason] of [
      ["missing", "ENOENT: no such file or directory"],
      ["file", "ENOTDIR: not a directory"],
    ] as const) {
      const path = join(directory, name);
      const running = launch(t, ["--bind", "127.0.0.1:0", "--tmp-upload-dir", path, "basics"], {
        exitCode: 1,
        trouble: /^Error: /,
      });
      await running.exit;
      const errors = running.stderr.lines().filter((line) => line.startsWith("Error: "));
      assert.deepEqual(errors, [`Error: tmp_upload_dir '${path}' isn't writable [${reason}]`]);
    }
  });
});

describe("a full disk", { skip: NO_SMALL_DISK }, () => {
  it("costs the requests whose bodies do not fit, each 507 and a line of the log, and nothing else", async (t) => {
    const disk = smallDisk(SMALL_DISK);
    const server = await Server.start(t, ["--tmp-upload-dir", disk, "--access-logfile", "-", "basics"], {
      trouble: /not stored/,
    });
    const free = statfsSync(disk).bfree;
    for (const _ of [1, 2]) {
      const client = await server.connect();
      client.send(post(LARGE_BYTES));
      client.send("x".repeat(LARGE_BYTES));
      const refused = await client.maybeResponse("POST");
      assert.equal(refused?.statusLine, "HTTP/1.1 507 Insufficient Storage");
      client.close();
      await isWorking(server);
    }
    const first = "Request body of POST /body not stored: ENOSPC: no space left on device";
    // The second one comes within the same second, or not.
    const told = new RegExp(`\\[ERROR\\] (${first}|1 more request body not stored)`);
    await server.running.stderr.count(told, 2);
    assert.match(server.log, new RegExp(first));
    await server.running.stdout.count(/"POST \/body HTTP\/1\.1" 507 0 /, 2);
    await eventually(() => spooled(disk).length === 0);
    await eventually(() => statfsSync(disk).bfree === free);
  });

  it("harms no request beside it", async (t) => {
    const disk = smallDisk(SMALL_DISK);
    const server = await Server.start(t, ["--tmp-upload-dir", disk, "--threads", "2", "basics"], {
      trouble: /not stored/,
    });
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "one");
    const half = await server.connect();
    half.send(post(50_000) + "x".repeat(40_000));
    const large = await server.connect();
    large.send(post(LARGE_BYTES));
    large.send("x".repeat(LARGE_BYTES));
    assert.equal(status(await large.maybeResponse("POST")), 507);
    half.send("x".repeat(10_000));
    assert.equal((await half.maybeResponse("POST"))?.body.length, 50_000);
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held one");
    for (const client of [half, large]) client.close();
  });

  it("makes the worker wait for a client that takes its response slowly, which no timeout counts, so it gets it whole", async (t) => {
    const disk = smallDisk(SMALL_DISK);
    const words = ["--tmp-upload-dir", disk, "--timeout", "3", "--request-timeout", "3", "streams"];
    const server = await Server.start(t, words, { trouble: /not spooled/ });
    const client: Client = await server.connect();
    client.pause();
    const directory = temporaryDirectory();
    const size = 64 * 1024 * 1024;
    client.send(`GET /blocks/${size}?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await server.running.stderr.find(/Response not spooled: ENOSPC.* A slow client holds its worker\./);
    // Until it has waited for longer than either may last.
    const other = await Server.start(t, ["--timeout", "2", "stuck"], {
      trouble: /timed out|Stacks of worker/,
    });
    for (const _ of [1, 2]) assert.equal(status(await other.get("/spin")), 504);
    client.resume();
    assert.equal((await client.maybeResponse("GET"))?.body.length, size);
    await fileAppears(join(directory, "handed-over"));
    assert.equal((await server.get("/echo")).body, "/echo");
    client.close();
  });
});
