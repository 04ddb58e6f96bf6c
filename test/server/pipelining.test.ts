import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { cleanUp, temporaryDirectory } from "../support/programs.ts";
import { eventually, fileAppears } from "../support/wait.ts";
import { letGo } from "./support/held-request.ts";
import { Server } from "./support/server.ts";

after(cleanUp);

/** More than all buffers between client and gateway. */
const AHEAD_BYTES = 64 * 1024 * 1024;
/** Large requests, so that they need not be many. */
const FILLER = `X-Filler: ${"x".repeat(8000)}\r\n`.repeat(10);

/** The most memory that a process has had, in bytes. */
function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) * 1024;
}

/** When the system takes no more of what the client sends; its buffers take a while to grow. */
async function isStuck(socket: Socket): Promise<void> {
  let last = -1;
  let looks = 0;
  await eventually(() => {
    looks = socket.writableLength === last ? looks + 1 : 0;
    last = socket.writableLength;
    return looks === 50;
  });
}

describe("requests sent ahead", () => {
  it("wait with the client while one is in work, and are all answered then, in order", async (t) => {
    const server = await Server.start(t, ["basics"]);
    const gateway = await server.child(/tunicorn: gateway/);
    const before = peakMemory(gateway);
    const directory = temporaryDirectory();
    const socket = connect({ ...(server.address as { host: string; port: number }) });
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
    });
    socket.write(`GET /hold/one?${directory} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await fileAppears(join(directory, "began-one"));
    const paths = Array.from({ length: Math.ceil(AHEAD_BYTES / FILLER.length) }, (_, nr) => `/echo/${nr}`);
    for (const path of paths) socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${FILLER}\r\n`);
    await isStuck(socket);
    assert.ok(socket.writableLength > 0, "all has been taken");
    assert.ok(peakMemory(gateway) - before < AHEAD_BYTES / 2, "what was sent ahead is kept in memory");
    letGo(directory);
    await eventually(() => received.endsWith(paths.at(-1) as string));
    assert.deepEqual(received.match(/held one|\/echo\/\d+/g), ["held one", ...paths]);
    socket.destroy();
  });
});
