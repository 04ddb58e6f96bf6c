/**
 * Binds the addresses and keeps them bound for the instance's whole life, whatever becomes of the gateways.
 *
 * `net.Server.listen` would make the arbiter accept clients itself. What Node's cluster module uses is needed: a handle
 * that is bound and not listening; the gateway that gets it listens. `net._createServerHandle` is that function; it has
 * no documented equivalent, and test/unit/arbiter/listeners.test.ts shows when a new Node should change it.
 *
 * Runs in: arbiter.
 */
import type { SendHandle } from "node:child_process";
import { lookup } from "node:dns/promises";
import { existsSync, fstatSync, lstatSync, unlinkSync } from "node:fs";
import net, { isIP } from "node:net";
import { constants } from "node:os";
import { dirname } from "node:path";
import { asUser, canRootName } from "../as-user.ts";
import { giveTo, type Identity } from "../identity.ts";
import type { ListenerInfo } from "../queue/gateway-messages.ts";
import { type BindAddress, formatAddress } from "../settings/addresses.ts";
import { systemError } from "./system-error.ts";

/** A libuv TCP or pipe handle. */
interface RawHandle {
  readonly fd: number;
  close(): void;
  getsockname?(out: SocketName): number;
}

interface SocketName {
  address?: string;
  family?: string;
  port?: number;
}

type CreateServerHandle = (
  address: string | null,
  port: number | null,
  addressType: number | null,
  fd?: number,
  flags?: number,
) => RawHandle | number;

// The cast is earned by the unit test.
const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })
  ._createServerHandle;

export interface Listener {
  readonly address: BindAddress;
  readonly handle: SendHandle;
  readonly info: ListenerInfo;
  readonly fd: number;
  /** Closes the address; a Unix socket's file that this instance has made is removed. */
  close(): void;
}

/** As in Gunicorn's log; a port that the system has chosen is told. */
export function listenerText({ address, info: { kind, host, port } }: Listener): string {
  return formatAddress(kind === "tcp" ? { kind, host, port } : address);
}

/** The system refused an address. `code` is EADDRINUSE and the like; the message is Python's: "[Errno 98] …". */
export class BindError extends Error {
  readonly code: string;
  readonly address: BindAddress;

  constructor(address: BindAddress, errno: number, code: string, text: string) {
    super(`[Errno ${errno}] ${text}`);
    this.code = code;
    this.address = address;
  }
}

/** `errno` is negative, as libuv returns it. */
function refused(address: BindAddress, errno: number): BindError {
  const { code, text } = systemError(errno);
  return new BindError(address, -errno, code, text);
}

export interface BindOptions {
  /** Of a Unix socket's file, besides its mode; null: who makes it. It makes the file where it could change the path. */
  readonly owner?: Identity | null;
  /** Other processes may bind the same TCP address. */
  readonly reuse_port?: boolean;
}

/** libuv's UV_TCP_REUSEPORT. */
const REUSE_PORT = 2;

/** Throws BindError, or Error when a Unix path is taken by something that is no socket. */
export async function bind(
  address: BindAddress,
  umask: number,
  { owner = null, reuse_port = false }: BindOptions = {},
): Promise<Listener> {
  switch (address.kind) {
    case "tcp":
      return bindTcp(address, reuse_port ? REUSE_PORT : 0);
    case "unix":
      return bindUnix(address, umask, owner);
    case "fd":
      return inherit(address);
    default:
      return address satisfies never;
  }
}

/** Python's spelling of an address in log lines: `('127.0.0.1', 8000)`, a path. */
export function pythonAddress(address: BindAddress): string {
  if (address.kind === "tcp") return `('${address.host}', ${address.port})`;
  return address.kind === "unix" ? address.path : `fd://${address.fd}`;
}

async function bindTcp(address: BindAddress & { kind: "tcp" }, flags: number): Promise<Listener> {
  const ip = isIP(address.host) ? address.host : await addressOf(address);
  const handle = createServerHandle(ip, address.port, isIP(ip), undefined, flags);
  return listener(address, check(address, handle), { kind: "tcp", host: ip, port: address.port });
}

async function addressOf(address: BindAddress & { kind: "tcp" }): Promise<string> {
  try {
    return (await lookup(address.host, { family: 4 })).address;
  } catch {
    throw new BindError(address, -2, "ENOTFOUND", "Name or service not known");
  }
}

function bindUnix(address: BindAddress & { kind: "unix" }, umask: number, owner: Identity | null): Listener {
  const { path } = address;
  const isFile = !path.startsWith("\0");
  // libuv says EACCES.
  if (isFile && !existsSync(dirname(path))) throw refused(address, -constants.errno.ENOENT);
  const makes = isFile && !canRootName(path, owner) ? owner : null;
  const made = asUser(makes, () => {
    removeSocket(path);
    const before = process.umask(umask);
    const handle = createServerHandle(path, -1, -1);
    process.umask(before);
    return listener(address, check(address, handle), { kind: "unix", host: path, port: 0 });
  });
  // In a directory like /tmp nobody else can put a link in its place meanwhile.
  if (isFile && makes === null) giveTo(owner, path);
  return { ...made, close: () => closeSocket(made, path, owner, true) };
}

/** A socket that somebody else has made: systemd, a supervisor. */
function inherit(address: BindAddress & { kind: "fd" }): Listener {
  checkSocket(address);
  const handle = check(address, createServerHandle(null, null, null, address.fd));
  const info: ListenerInfo =
    handle.getsockname === undefined
      ? { kind: "unix", host: `fd://${address.fd}`, port: 0 }
      : { kind: "tcp", host: "", port: 0 };
  return listener(address, handle, info);
}

/** libuv removes the file of what it has bound when that is closed. */
function closeSocket(made: Listener, path: string, owner: Identity | null, isOurs: boolean): void {
  const removes = !path.startsWith("\0") && !canRootName(path, owner) ? owner : null;
  asUser(removes, () => {
    made.close();
    if (!isOurs) return;
    try {
      removeSocket(path);
    } catch {
      // Something else is there by now, or it may not be removed: it stays, and the next one to bind is told.
    }
  });
}

/**
 * The socket at `address`, which another arbiter has made. `isShared`: whether that one uses it still. `owner`: see BindOptions.
 */
export function adopt(
  address: BindAddress,
  fd: number,
  isShared: () => boolean,
  owner: Identity | null = null,
): Listener {
  const handle = check(address, createServerHandle(null, null, null, fd));
  if (address.kind !== "unix") {
    const isTcp = handle.getsockname !== undefined;
    const host = address.kind === "tcp" ? address.host : `fd://${address.fd}`;
    return listener(address, handle, { kind: isTcp ? "tcp" : "unix", host: isTcp ? "" : host, port: 0 });
  }
  const made = listener(address, handle, { kind: "unix", host: address.path, port: 0 });
  return { ...made, close: () => closeSocket(made, address.path, owner, !isShared()) };
}

/** libuv calls both an invalid argument. */
function checkSocket(address: BindAddress & { kind: "fd" }): void {
  let isSocket: boolean;
  try {
    isSocket = fstatSync(address.fd).isSocket();
  } catch {
    throw refused(address, -constants.errno.EBADF);
  }
  if (!isSocket) throw refused(address, -constants.errno.ENOTSOCK);
}

function check(address: BindAddress, handle: RawHandle | number): RawHandle {
  if (typeof handle === "number") throw refused(address, handle);
  return handle;
}

function listener(address: BindAddress, handle: RawHandle, info: ListenerInfo): Listener {
  const name: SocketName = {};
  const error = info.kind === "tcp" ? (handle.getsockname?.(name) ?? 0) : 0;
  if (error < 0) {
    // libuv reports a failed bind only here.
    handle.close();
    throw refused(address, error);
  }
  return {
    address,
    // Node's `send` takes raw handles, its type does not say so.
    handle: handle as unknown as SendHandle,
    fd: handle.fd,
    info: {
      ...info,
      ...(info.kind === "tcp" && { host: name.address ?? info.host, port: name.port ?? info.port }),
      ...(address.isHealth && { isHealth: true }),
    },
    close: () => handle.close(),
  };
}

/** What an earlier instance has left. Anything but a socket stays, and the bind is refused. */
function removeSocket(path: string): void {
  if (path.startsWith("\0")) return;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`'${path}' is not a socket`);
  unlinkSync(path);
}
