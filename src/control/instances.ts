/**
 * The control sockets that tunicornctl may talk to.
 *
 * Anybody can make a directory of an instance's name in /dev/shm or /tmp, so an instance is one only when its directory and its
 * socket are the caller's. What an instance answers is shown to the caller, and root's caller is worth deceiving: root talks
 * only to a socket that is root's, at a path that only root can change.
 *
 * Runs in: tunicornctl.
 */
import { lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placeOf } from "../path-keeper.ts";
import { pidNamespace } from "../pid-namespace.ts";

const SOCKET = "control.sock";

/** By the pid of their arbiter. */
export function ownInstances(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const uid = process.getuid?.() ?? 0;
  // A pid of another namespace says nothing here.
  const own = new RegExp(`^tunicorn-${uid}-${pidNamespace()}-(\\d+)-`);
  for (const parent of new Set(["/dev/shm", tmpdir(), "/tmp"])) {
    for (const name of entries(parent)) {
      const pid = own.exec(name)?.[1];
      const directory = join(parent, name);
      if (pid === undefined || !isOf(uid, maybeStats(directory), "isDirectory")) continue;
      const socket = join(directory, SOCKET);
      if (isOf(uid, maybeStats(socket), "isSocket")) found.set(pid, socket);
    }
  }
  return found;
}

/** Why root should not talk to the socket at this path, which it was told; undefined when there is no reason, or no socket. */
export function maybeDistrust(path: string): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { keeper, directory } = placeOf(path, []);
  const owner = maybeOwner(path);
  if (owner === undefined) return undefined;
  if (owner !== 0) return `it is user ${owner}'s; run tunicornctl as that user`;
  const isRoots = keeper === "root" || (keeper === "sticky" && isOf(0, maybeStats(path), "isSocket"));
  if (isRoots) return undefined;
  const holder = maybeStats(directory)?.uid ?? 0;
  return holder === 0 ? `others can write in ${directory}` : `${directory} is user ${holder}'s`;
}

function isOf(uid: number, stats: Stats | undefined, kind: "isDirectory" | "isSocket"): boolean {
  return stats !== undefined && stats.uid === uid && stats[kind]();
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not there, or another user's
  }
}

function maybeOwner(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined; // to connect fails too, and says why
  }
}

/** Of what is there itself, not of what a link leads to. */
function maybeStats(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined; // gone, or another user's
  }
}
