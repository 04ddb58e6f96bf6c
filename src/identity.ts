/**
 * The user and group that gateways, zygotes and workers run as. Only the arbiter may stay root.
 *
 * Runs in: arbiter, gateway.
 */
import { chownSync } from "node:fs";

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Give the process all groups of its user. Without it, it keeps none but `gid`: root's are not for it. */
  readonly initgroups: boolean;
}

/** Null when the process is to stay what it is. Throws Error when only root could make the change. */
export function maybeIdentity(user: number, group: number, initgroups: boolean): Identity | null {
  const [uid, gid] = [process.geteuid?.() ?? user, process.getegid?.() ?? group];
  if (uid === user && gid === group && !initgroups) return null;
  if (uid !== 0) throw new Error(`Can't change to user ${user} and group ${group}: only root may`);
  return { uid: user, gid: group, initgroups };
}

/** Node has it, its types do not. */
interface WithInitgroups {
  readonly initgroups?: (user: number, extraGroup: number) => void;
}

/** For good. 0 is left alone, as in Gunicorn: whoever is not to be root any more says what else. */
export function become({ uid, gid, initgroups }: Identity): void {
  if (initgroups) (process as WithInitgroups).initgroups?.(uid, gid);
  else process.setgroups?.([gid]);
  if (gid !== 0) process.setgid?.(gid);
  if (uid !== 0) process.setuid?.(uid);
}

export function giveTo(identity: Identity | null, ...paths: readonly string[]): void {
  if (identity === null) return;
  for (const path of paths) chownSync(path, identity.uid, identity.gid);
}
