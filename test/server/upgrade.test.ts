import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Client } from "../support/client.ts";
import { cleanUp, Running, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { Load } from "./support/load.ts";
import { APPS, livingGroup, runDirectories, Server, status } from "./support/server.ts";

after(cleanUp);

/** Sends USR2, and waits until the second arbiter serves. */
async function upgrade(server: Server, pidfile: string): Promise<number> {
  const lines = server.running.stderr.lines().length;
  server.signal("SIGUSR2");
  const pid = Number(await fileAppears(`${pidfile}.2`));
  await server.running.stderr.find(new RegExp(`\\[${pid}\\].*Using worker`), lines);
  const booting = await server.running.stderr.find(/Booting worker/, lines);
  assert.ok(booting);
  return pid;
}

describe("an upgrade (USR2)", () => {
  it("brings a second arbiter on the same sockets, which is promoted when the first leaves", async (t) => {
    const directory = temporaryDirectory();
    const [pidfile, socket] = [join(directory, "pid"), join(directory, "socket")];
    const server = await Server.start(t, ["--pid", pidfile, "--bind", `unix:${socket}`, "basics"]);
    const load = new Load(server.address, "/pid", /^\d+$/, 4);
    const second = await upgrade(server, pidfile);
    assert.equal(readFileSync(pidfile, "utf8"), `${server.pid}\n`, "the first arbiter's pid file");
    await load.reaches(load.answered + 50);
    server.signal("SIGTERM");
    await server.running.stderr.find(/Master has been promoted\./);
    await eventually(() => existsSync(pidfile) && readFileSync(pidfile, "utf8") === `${second}\n`);
    // It is there until the other one is.
    await eventually(() => !existsSync(`${pidfile}.2`));
    await load.reaches(load.answered + 50);
    assert.deepEqual(await load.stop(), [], server.log);
    // The Unix socket is still there, and the second arbiter's now.
    const client = await Client.connect({ path: socket });
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(status(await client.maybeResponse("GET")), 200);
    client.close();
    process.kill(second, "SIGTERM");
    await eventually(() => runDirectories(second).length === 0 && livingGroup(server.pid).length === 0);
    assert.equal(existsSync(socket), false, "the socket was left behind");
    assert.equal(existsSync(pidfile), false, "the pid file was left behind");
  });

  it("is taken back by ending the second arbiter, and can be tried again", async (t) => {
    const directory = temporaryDirectory();
    const [pidfile, socket] = [join(directory, "pid"), join(directory, "socket")];
    const server = await Server.start(t, ["--pid", pidfile, "--bind", `unix:${socket}`, "basics"]);
    const second = await upgrade(server, pidfile);
    server.signal("SIGUSR2");
    await server.running.stderr.find(/USR2 signal ignored\. Child exists\./);
    process.kill(second, "SIGUSR2");
    await server.running.stderr.find(/USR2 signal ignored\. Parent exists\./);
    process.kill(second, "SIGQUIT");
    await server.running.stderr.find(/The second arbiter \(pid:\d+\) exited with code 0; this one serves on/);
    assert.equal(status(await server.get("/")), 200);
    const third = await upgrade(server, pidfile);
    process.kill(third, "SIGTERM");
    await server.running.stderr.count(/The second arbiter/, 2);
    assert.equal(status(await server.get("/")), 200);
  });

  it("to an application that does not start leaves everything as it was", async (t) => {
    const directory = temporaryDirectory();
    const server = await Server.start(t, ["--env", `BROKEN=${join(directory, "broken")}`, "breakable"], {
      trouble:
        /Exception in worker|Traceback|Error|exited with code 3|The start failed|Shutting down: Master\.2|Reason/,
    });
    writeFileSync(join(directory, "broken"), "");
    server.signal("SIGUSR2");
    await server.running.stderr.find(/The second arbiter \(pid:\d+\) exited with code 3/);
    assert.equal(status(await server.get("/")), 200);
  });
});

describe("a daemon's WINCH", () => {
  it("ends the workers once their requests are done, and HUP brings others", async (t) => {
    const directory = temporaryDirectory();
    const [pidfile, socket, log] = ["pid", "socket", "log"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const words = [
      "--daemon",
      "--pid",
      pidfile,
      "--bind",
      `unix:${socket}`,
      "--error-logfile",
      log,
      "basics",
    ];
    const starter = new Running("tunicorn", words, { cwd: APPS });
    assert.equal((await starter.waitForExit()).code, 0);
    const pid = Number(readFileSync(pidfile, "utf8"));
    t.after(async () => {
      process.kill(pid, "SIGTERM");
      await eventually(() => runDirectories(pid).length === 0);
    });
    const server = { connect: () => Client.connect({ path: socket }) } as Server;
    const held = await HeldRequest.begin(server, directory, "one");
    process.kill(pid, "SIGWINCH");
    await eventually(() => readFileSync(log, "utf8").includes("graceful stop of workers"));
    letGo(directory);
    assert.equal(status(await held.maybeResponse()), 200);
    await eventually(() => readFileSync(log, "utf8").includes("Worker exiting"));
    process.kill(pid, "SIGHUP");
    const client = await server.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal(status(await client.maybeResponse("GET")), 200);
    client.close();
  });
});
