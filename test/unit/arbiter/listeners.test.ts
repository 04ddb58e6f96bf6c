import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { BindError, bind, type Listener, pythonAddress } from "../../../src/arbiter/listeners.ts";
import type { BindAddress } from "../../../src/settings/addresses.ts";
import { as, IDENTITY, NEEDS_ROOT, NOBODY, STRANGER } from "../../support/other-users.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
chmodSync(ROOT, 0o755);
const CHILD = fileURLToPath(import.meta.resolve("./accepting-child.ts"));
const UMASK = 0;

const hasIPv6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === "::1"),
);

const tcp = (port: number, host = "127.0.0.1"): BindAddress => ({ kind: "tcp", host, port });
const unix = (path: string): BindAddress => ({ kind: "unix", path });
const newPath = (): string => join(mkdtempSync(join(ROOT, "case-")), "app.sock");

async function bound(t: TestContext, address: BindAddress, umask = UMASK): Promise<Listener> {
  const listener = await bind(address, umask);
  t.after(() => listener.close());
  return listener;
}

/** Where clients of the listener connect. */
function clientAddress({ info }: Listener): { path: string } | { host: string; port: number } {
  return info.kind === "unix" ? { path: info.host } : { host: info.host, port: info.port };
}

async function answer(listener: Listener): Promise<string> {
  const socket: Socket = connect(clientAddress(listener));
  return await text(socket);
}

/** A process that listens on handles it is sent, as a gateway does. */
class Acceptor {
  readonly pid: number;
  readonly #process: ChildProcess = fork(CHILD);
  readonly #exited = once(this.#process, "exit");

  constructor() {
    this.pid = this.#process.pid ?? 0;
  }

  async listen({ handle }: Listener): Promise<void> {
    this.#process.send("listen", handle);
    await once(this.#process, "message");
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }
}

const acceptor = new Acceptor();
after(() => acceptor.kill());

async function assertServed(listener: Listener): Promise<void> {
  await acceptor.listen(listener);
  assert.equal(await answer(listener), String(acceptor.pid));
}

/** A server of somebody else's. */
async function occupied(t: TestContext): Promise<BindAddress> {
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return tcp(address.port);
}

describe("a TCP address", () => {
  it("is bound and not listening, so that the arbiter accepts nobody", async (t) => {
    const listener = await bound(t, tcp(0));
    await assert.rejects(answer(listener), { code: "ECONNREFUSED" });
  });

  it("says which port it got", async (t) => {
    const { info } = await bound(t, tcp(0));
    assert.equal(info.kind, "tcp");
    assert.equal(info.host, "127.0.0.1");
    assert.ok(info.port > 0);
  });

  it("may be given as a name", async (t) => {
    assert.equal((await bound(t, tcp(0, "localhost"))).info.host, "127.0.0.1");
  });

  it("may be of IPv6", { skip: !hasIPv6 }, async (t) => {
    const listener = await bound(t, tcp(0, "::1"));
    assert.equal(listener.info.host, "::1");
    await assertServed(listener);
  });

  it("is served by the process that gets its handle", async (t) => {
    await assertServed(await bound(t, tcp(0)));
  });

  it("stays ours when that process dies, and clients wait for its successor", async (t) => {
    const listener = await bound(t, tcp(0));
    const first = new Acceptor();
    await first.listen(listener);
    await first.kill();
    await assert.rejects(bind(tcp(listener.info.port), UMASK), { code: "EADDRINUSE" });
    const waiting = answer(listener);
    await acceptor.listen(listener);
    assert.equal(await waiting, String(acceptor.pid));
  });

  it("is free again when it is closed", async (t) => {
    const listener = await bind(tcp(0), UMASK);
    listener.close();
    await bound(t, tcp(listener.info.port));
  });

  it("is refused with Python's words when somebody else has it", async (t) => {
    const address = await occupied(t);
    await assert.rejects(bind(address, UMASK), (error) => {
      assert.ok(error instanceof BindError);
      assert.equal(error.code, "EADDRINUSE");
      assert.equal(error.message, "[Errno 98] Address already in use");
      assert.equal(error.address, address);
      return true;
    });
  });

  it("is refused when the machine does not have it", async () => {
    await assert.rejects(bind(tcp(0, "192.0.2.1"), UMASK), {
      code: "EADDRNOTAVAIL",
      message: "[Errno 99] Cannot assign requested address",
    });
  });
});

describe("a Unix socket", () => {
  it("is served by the process that gets its handle", async (t) => {
    const path = newPath();
    const listener = await bound(t, unix(path));
    assert.deepEqual(listener.info, { kind: "unix", host: path, port: 0 });
    await assertServed(listener);
  });

  for (const [umask, mode] of [
    [0, 0o777],
    [0o022, 0o755],
    [0o077, 0o700],
  ] as const) {
    it(`has the permissions ${mode.toString(8)} with the umask ${umask.toString(8)}`, async (t) => {
      const before = process.umask(0o027);
      const path = newPath();
      await bound(t, unix(path), umask);
      assert.equal(statSync(path).mode & 0o777, mode);
      assert.equal(process.umask(before), 0o027, "the process's own is as before");
    });
  }

  it("takes the place of one that an earlier instance has left", async (t) => {
    const path = newPath();
    await leaveSocket(path);
    const listener = await bound(t, unix(path));
    await assertServed(listener);
  });

  it("is removed when it is closed", async () => {
    const path = newPath();
    (await bind(unix(path), UMASK)).close();
    assert.ok(!existsSync(path));
  });

  it("never takes the place of anything else", async () => {
    const file = newPath();
    writeFileSync(file, "somebody's");
    await assert.rejects(bind(unix(file), UMASK), { message: `'${file}' is not a socket` });
    assert.equal(readFileSync(file, "utf8"), "somebody's");

    const link = newPath();
    symlinkSync(file, link);
    await assert.rejects(bind(unix(link), UMASK), { message: `'${link}' is not a socket` });
    assert.ok(existsSync(link));
  });

  it("needs its directory", async () => {
    await assert.rejects(bind(unix(join(ROOT, "nowhere", "app.sock")), UMASK), {
      code: "ENOENT",
      message: "[Errno 2] No such file or directory",
    });
  });

  it("may be an abstract one, which has no file", async (t) => {
    const path = `\0tunicorn-test-${process.pid}`;
    const listener = await bound(t, unix(path));
    await assertServed(listener);
  });

  /** What a process leaves that was killed: a server that closes removes only what has its name. */
  async function leaveSocket(path: string): Promise<void> {
    const server = createServer().listen(path);
    await once(server, "listening");
    renameSync(path, `${path}.kept`);
    server.close();
    renameSync(`${path}.kept`, path);
  }
});

describe("a file descriptor", () => {
  /** What `bind` makes of descriptors 3 and up in a process that has inherited them. */
  async function inheritedInfos(...servers: readonly Server[]): Promise<unknown> {
    const module = JSON.stringify(import.meta.resolve("../../../src/arbiter/listeners.ts"));
    const program = `
      const { bind } = await import(${module});
      const fds = ${JSON.stringify(servers.map((_, index) => 3 + index))};
      const listeners = await Promise.all(fds.map((fd) => bind({ kind: "fd", fd }, 0)));
      process.stdout.write(JSON.stringify(listeners.map(({ info }) => info)));
      for (const listener of listeners) listener.close();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit", ...servers.map(descriptorOf)],
    });
    assert.ok(child.stdout);
    return JSON.parse(await text(child.stdout));
  }

  // What Node has no documented way to ask for.
  function descriptorOf(server: Server): number {
    return (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
  }

  async function listening(t: TestContext, server: Server): Promise<Server> {
    await once(server, "listening");
    t.after(() => server.close());
    return server;
  }

  it("is the socket that somebody else has bound", async (t) => {
    const tcpServer = await listening(t, createServer().listen(0, "127.0.0.1"));
    const unixServer = await listening(t, createServer().listen(newPath()));
    const address = tcpServer.address();
    assert.ok(address !== null && typeof address === "object");
    assert.deepEqual(await inheritedInfos(tcpServer, unixServer), [
      { kind: "tcp", host: "127.0.0.1", port: address.port },
      { kind: "unix", host: "fd://4", port: 0 },
    ]);
  });

  it("is refused when it is no socket, or not open", async () => {
    const fd = openSync(CHILD, "r");
    await assert.rejects(bind({ kind: "fd", fd }, UMASK), {
      message: "[Errno 88] Socket operation on non-socket",
    });
    closeSync(fd);
    await assert.rejects(bind({ kind: "fd", fd: 999 }, UMASK), { message: "[Errno 9] Bad file descriptor" });
  });
});

describe("an address in the log", () => {
  it("is spelled as Python spells it", () => {
    assert.equal(pythonAddress(tcp(8000)), "('127.0.0.1', 8000)");
    assert.equal(pythonAddress(unix("/run/app.sock")), "/run/app.sock");
    assert.equal(pythonAddress({ kind: "fd", fd: 3 }), "fd://3");
  });
});

describe("a Unix socket that root binds for a user", { skip: NEEDS_ROOT }, () => {
  const bindFor = (path: string): Promise<Listener> => bind(unix(path), UMASK, { owner: IDENTITY });

  function theirs(): string {
    const path = newPath();
    chownSync(dirname(path), NOBODY, NOBODY);
    return path;
  }

  it("is the user's, in a directory of root and in one of the user, and goes at the end", async () => {
    const ours = newPath();
    chmodSync(dirname(ours), 0o755);
    for (const path of [ours, theirs()]) {
      const listener = await bindFor(path);
      assert.equal(statSync(path).uid, NOBODY);
      listener.close();
      assert.ok(!existsSync(path));
    }
  });

  it("takes the place of one that somebody else has made in a directory like /tmp", async () => {
    const path = newPath();
    chmodSync(dirname(path), 0o1777);
    const squatter = await bind(unix(path), UMASK);
    chownSync(path, STRANGER, STRANGER);
    const listener = await bindFor(path);
    assert.equal(statSync(path).uid, NOBODY);
    listener.close();
    assert.ok(!existsSync(path));
    squatter.close();
  });

  it("takes the place of one that the user has left, and of nothing else", async () => {
    const path = theirs();
    (await bindFor(path)).close();
    const victim = newPath();
    writeFileSync(victim, "root's");
    as(NOBODY, "ln", "-s", victim, path);
    await assert.rejects(bindFor(path), { message: `'${path}' is not a socket` });
    assert.equal(readFileSync(victim, "utf8"), "root's");
  });

  it("is not bound, and nothing is removed, where a link of the user leads", async () => {
    const directory = dirname(theirs());
    as(NOBODY, "mkdir", join(directory, "run"));
    const path = join(directory, "run/app.sock");
    const listener = await bindFor(path);
    const victim = newPath();
    const victims = await bind(unix(victim), UMASK);
    as(NOBODY, "rm", "-r", join(directory, "run"));
    as(NOBODY, "ln", "-s", dirname(victim), join(directory, "run"));
    listener.close();
    await assert.rejects(bindFor(path));
    assert.ok(existsSync(victim));
    victims.close();
  });
});
