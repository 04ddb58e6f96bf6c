import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Address, ask } from "../support/client.ts";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually } from "../support/wait.ts";
import { HeldRequest, letGo } from "./support/held-request.ts";
import { launch, Server } from "./support/server.ts";

after(cleanUp);

async function answers(address: Address): Promise<boolean> {
  const { final } = await ask(address, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return final?.body === "/echo";
}

/**
 * Whether the system refuses a connection now. In the moment in which a listening socket is closed, a connection may be
 * reset: it was neither refused nor accepted, and the next one tells.
 */
async function refuses(address: Address): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    assert.match(String(error), /ECONNREFUSED|ENOENT|ECONNRESET/);
    return (error as NodeJS.ErrnoException).code !== "ECONNRESET";
  } finally {
    socket.destroy();
  }
}

/** An address and the descriptor of a socket that listens there, as a supervisor holds one. */
async function supervisorsSocket(): Promise<{
  address: { host: string; port: number };
  fd: number;
  close: () => void;
}> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { address: { host: "127.0.0.1", port }, fd, close: () => server.close() };
}

describe("listening", () => {
  it("is at each address that --bind names, and the log says where", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const binds = ["--bind", "127.0.0.1:0", "--bind", `unix:${path}`];
    const server = await Server.start(t, [...binds, "basics"]);
    const addresses = await server.running.addresses();
    assert.equal(addresses.length, 3);
    for (const address of addresses) assert.ok(await answers(address));
  });

  it("is on a descriptor that was inherited, and at no other address", async (t) => {
    const { address, fd, close } = await supervisorsSocket();
    const words = ["--bind", "fd://3", "--bind", "127.0.0.1:0", "basics"];
    const running = launch(t, words, { descriptors: [fd] });
    t.after(close);
    // Its address, as Gunicorn says it.
    await running.stderr.find(new RegExp(`Listening at: http://127\\.0\\.0\\.1:${address.port} \\(\\d+\\)$`));
    close(); // so that nobody else accepts
    assert.ok(await answers(address));
    await running.stderr.find(
      /\[WARNING\] Not listening at http:\/\/127\.0\.0\.1:0: a file descriptor is given/,
    );
  });

  it("at a Unix socket takes over the file of an instance that was killed, and removes its own", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const first = await Server.start(t, ["--bind", `unix:${path}`, "basics"]);
    first.signal("SIGKILL");
    await first.running.waitForExit();
    assert.ok(statSync(path).isSocket());
    const second = await Server.start(t, ["--bind", `unix:${path}`, "basics"]);
    assert.ok(await answers({ path }));
    await second.running.stop();
    assert.equal(existsSync(path), false);
  });

  it("ends as soon as the server is told to stop, while requests are still in work", async (t) => {
    const path = join(temporaryDirectory(), "socket");
    const server = await Server.start(t, ["--bind", `unix:${path}`, "basics"]);
    const directory = temporaryDirectory();
    const held = await HeldRequest.begin(server, directory, "working");
    server.signal("SIGTERM");
    await server.running.stderr.find(/Handling signal: term/);
    for (const address of await server.running.addresses()) {
      await eventually(() => refuses(address));
    }
    letGo(directory);
    assert.equal((await held.maybeResponse())?.body, "held working");
  });
});
