/**
 * The promise behind the queue: whatever becomes of workers, every request is answered, and a kill costs one request at
 * most.
 */
import assert from "node:assert/strict";
import { after, it } from "node:test";
import { type Client, fieldValue, type Response } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const REQUESTS = 10_000;
const CONNECTIONS = 24;
/** A kill for so many answers, so that the number of kills does not depend on the machine's speed. */
const ANSWERS_PER_KILL = 100;

/** What became of all requests. */
class Tally {
  issued = 0;
  answered = 0;
  readonly lost: string[] = [];
  badGateway = 0;

  note(path: string, response: Response | undefined): void {
    this.answered++;
    if (status(response) === 502) this.badGateway++;
    else if (status(response) !== 200 || response?.body !== path)
      this.lost.push(`${path}: ${response?.statusLine}`);
  }
}

async function ask(server: Server, tally: Tally): Promise<void> {
  while (tally.issued < REQUESTS) {
    const client = await server.connect();
    await askOn(client, tally);
    client.close();
  }
}

/** Until the server closes the connection, or there is nothing more to ask. */
async function askOn(client: Client, tally: Tally): Promise<void> {
  while (tally.issued < REQUESTS) {
    const path = `/echo/${++tally.issued}`;
    client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const response = await client.maybeResponse("GET");
    tally.note(path, response);
    if (response === undefined || fieldValue(response.fields, "connection") === "close") return;
  }
}

/** Workers that live, of those the log has ever named. */
function living(server: Server): number[] {
  return server.booted.filter((pid) => server.parentOf(pid) > 0);
}

async function killAtRandom(server: Server, tally: Tally): Promise<number> {
  let kills = 0;
  while (tally.answered < REQUESTS) {
    const next = tally.answered + ANSWERS_PER_KILL;
    await eventually(() => tally.answered >= Math.min(next, REQUESTS));
    const workers = living(server);
    const victim = workers[Math.floor(Math.random() * workers.length)];
    if (victim === undefined || tally.answered >= REQUESTS) continue;
    process.kill(victim, "SIGKILL");
    kills++;
  }
  return kills;
}

for (const words of [[], ["--threads", "2"]]) {
  for (const signal of ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGINT", "SIGQUIT"] as const) {
    it(`answers 502 for what a worker was on when it got ${signal} ${words.join(" ")}`, async (t) => {
      const server = await Server.start(t, [...words, "basics"], { trouble: /Worker|worker/ });
      const directory = temporaryDirectory();
      const held = await HeldRequest.begin(server, directory, "one");
      process.kill(held.pid, signal);
      assert.equal(status(await held.maybeResponse()), 502);
      letGo(directory);
      assert.equal((await server.get("/echo")).body, "/echo");
    });
  }
}

it("answers 10,000 requests while workers are killed at random, with at most one 502 for each kill", async (t) => {
  const server = await Server.start(t, ["--workers", "3", "basics"], { workers: 3, trouble: /SIGKILL/ });
  const tally = new Tally();
  const clients = Array.from({ length: CONNECTIONS }, () => ask(server, tally));
  const kills = await killAtRandom(server, tally);
  await Promise.all(clients);
  assert.deepEqual(tally.lost, []);
  assert.ok(kills > 50, `only ${kills} kills`);
  assert.ok(tally.badGateway <= kills, `${tally.badGateway} answers of 502 for ${kills} kills`);
});
