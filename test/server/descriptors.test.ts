/**
 * Descriptors that run out, in a worker and in a gateway: every request is answered, the log says why, and the service is whole
 * afterwards.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { Server, status } from "./support/server.ts";

after(cleanUp);

const TROUBLE = {
  trouble: /cannot connect|exited with code 1|No reply has come|Exited|code: 1|Worker|worker/,
};

it("a worker without descriptors leaves with an error, and another one serves", async (t) => {
  const mark = join(temporaryDirectory(), "leaked");
  writeFileSync(mark, "");
  const server = await Server.start(t, ["-c", "leaking.py", "leaking:application"], {
    env: { LEAKED: mark },
    ...TROUBLE,
  });
  execFileSync("rm", [mark]);
  process.kill(server.booted[0] as number, "SIGKILL");
  await server.running.stderr.count(/Booting worker/, 2);
  const response = await server.get("/");
  assert.equal(status(response), 502);
  await server.running.stderr.find(
    /Worker \(pid:\d+\) cannot connect to its gateway \(.*Too many open files.*\); it leaves/,
  );
  await server.running.stderr.count(/Booting worker/, 3);
  for (let nr = 0; nr < 3; nr++) assert.equal(status(await server.get("/")), 200);
});

it("a gateway with fewer descriptors than worker threads answers all clients", async (t) => {
  const mark = join(temporaryDirectory(), "leaked");
  writeFileSync(mark, "");
  const server = await Server.start(t, ["--threads", "20", "leaking:application"], {
    env: { LEAKED: mark },
    ...TROUBLE,
  });
  const gateway = await server.child(/gateway/);
  execFileSync("prlimit", ["--pid", String(gateway), "--nofile=72:72"]);
  // Another worker: the gateway counts again.
  server.signal("SIGTTIN");
  await server.running.stderr.find(
    /72 open files are few for 40 worker threads beside clients: the gateway serves 16 connections/,
  );
  const answers = await Promise.all(Array.from({ length: 60 }, () => server.get("/slow")));
  assert.deepEqual(
    answers.map((answer) => status(answer)).filter((code) => code !== 200 && code !== 502),
    [],
    "all are answered",
  );
  await eventually(async () => status(await server.get("/")) === 200);
  assert.equal(await server.child(/gateway/), gateway);
});
