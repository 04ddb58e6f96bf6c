/** Several gateways: they share the addresses and the workers, and none is missed for long. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Load } from "./support/load.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

const GATEWAY = /^tunicorn: gateway/;
const REQUESTS = 2_000;

describe("a gateway", () => {
  it("lets workers finish their turn, and so does its successor; nobody else is a batch process", async (t) => {
    const server = await Server.start(t, ["--workers", "2", "basics"], {
      workers: 2,
      trouble: /Gateway \(pid:\d+\) was killed/,
    });
    const [first = 0] = server.children(GATEWAY);
    await eventually(() => server.isBatch(first));
    process.kill(first, "SIGKILL");
    await eventually(() => server.children(GATEWAY).some((pid) => pid !== first && server.isBatch(pid)));
    const others = [server.pid, ...server.children(/zygote|worker/)];
    assert.ok(others.length >= 4);
    assert.deepEqual(
      others.filter((pid) => server.isBatch(pid)),
      [],
    );
  });
});

describe("several gateways", () => {
  it("answer what they accept, and no line of the access log is torn", async (t) => {
    const words = ["--gateways", "3", "--workers", "2", "--access-logfile", "-", "basics"];
    const server = await Server.start(t, words, { workers: 2 });
    assert.equal(server.children(GATEWAY).length, 3);
    const load = new Load(server.address, "/pid", /^\d+$/, 32);
    await load.reaches(REQUESTS);
    assert.deepEqual(await load.stop(), []);
    await server.running.stop();
    const lines = server.running.stdout.lines().filter((line) => line !== "");
    for (const line of lines)
      assert.match(line, /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/\S* HTTP\/1\.1" 200 \d+ "-" "-"$/);
    const answered = lines.filter((line) => line.includes("GET /pid "));
    // What was under way when the load ended may have been answered too.
    assert.ok(answered.length >= load.answered, `${answered.length} lines for ${load.answered} answers`);
  });

  it("are replaced one by one when they die; the others serve on", async (t) => {
    const server = await Server.start(t, ["--gateways", "2", "basics"], {
      trouble: /Gateway \(pid:\d+\) was killed/,
    });
    const before = server.children(GATEWAY);
    process.kill(before[0] as number, "SIGKILL");
    for (let nr = 0; nr < 50; nr++) assert.equal((await server.get(`/echo/${nr}`)).body, `/echo/${nr}`);
    await eventually(() => server.children(GATEWAY).filter((pid) => !before.includes(pid)).length === 1);
    await eventually(() => server.children(GATEWAY).length === 2);
    assert.ok(server.children(GATEWAY).includes(before[1] as number), "the other one has left too");
  });

  it("become more and fewer with a reload, and no request is lost", async (t) => {
    const file = join(temporaryDirectory(), "settings.py");
    writeFileSync(file, "gateways = 1\n");
    const server = await Server.start(t, ["-c", file, "basics"]);
    const load = new Load(server.address, "/pid", /^\d+$/, 8);
    let before = server.children(GATEWAY);
    for (const count of [3, 2]) {
      await load.reaches(load.answered + 100);
      writeFileSync(file, `gateways = ${count}\n`);
      server.signal("SIGHUP");
      await eventually(() => {
        const now = server.children(GATEWAY);
        return now.length === count && !now.some((pid) => before.includes(pid));
      });
      before = server.children(GATEWAY);
    }
    await load.reaches(load.answered + 100);
    assert.deepEqual(await load.stop(), [], server.log);
  });
});
