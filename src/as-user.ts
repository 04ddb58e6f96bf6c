/**
 * Work that root does with no more rights than the user of the settings has (docs/decisions/0016-root-and-other-users.md).
 *
 * Rules: `act` is synchronous, and so are the file operations in it: the effective ids are the whole process's. Operations
 * that the thread pool carries out meanwhile run as that user too, so the arbiter's own are synchronous. What `act` opens
 * stays open afterwards.
 *
 * Runs in: arbiter.
 */
import type { Identity } from "./identity.ts";
import { keeperOf, keeperOfName } from "./path-keeper.ts";

/** Node has it, its types do not. */
interface WithInitgroups {
  readonly initgroups?: (user: number, extraGroup: number) => void;
}

/** Runs `act` with the effective user and groups of `identity`; null: as who runs the process. */
export function asUser<T>(identity: Identity | null, act: () => T): T {
  if (!isLesser(identity)) return act();
  const gid = process.getegid?.() ?? 0;
  const groups = process.getgroups?.() ?? [];
  try {
    // The groups first: only root may change them.
    takeGroups(identity);
    process.setegid?.(identity.gid);
    process.seteuid?.(identity.uid);
    return act();
  } finally {
    // The real and the saved user stayed root. Should one of these fail, the exception ends the arbiter.
    process.seteuid?.(0);
    process.setegid?.(gid);
    process.setgroups?.(groups);
  }
}

/**
 * Runs `act`, which creates, opens, renames or removes `path`: as root when only root can change where the path leads, else
 * as the user.
 */
export function atPath<T>(path: string, identity: Identity | null, act: () => T): T {
  return isKeptByRoot(path, identity) ? act() : asUser(identity, act);
}

/** Whether nobody but root, or who runs the process when that is who serves, can change where `path` leads. */
export function isKeptByRoot(path: string, identity: Identity | null): boolean {
  return !isLesser(identity) || keeperOf(path, groupsOf(identity)) === "root";
}

/**
 * Whether root can create, replace and remove the name at the end of `path`: nobody else can change the directories before it,
 * nor exchange what root has put there. So it is in `/tmp` itself, where somebody else may have taken the name before.
 */
export function canRootName(path: string, identity: Identity | null): boolean {
  return !isLesser(identity) || ["root", "sticky"].includes(keeperOfName(path, groupsOf(identity)));
}

/** Whether the user has fewer rights than this process. With `--user root --group …` it does not. */
export function isLesser(identity: Identity | null): identity is Identity {
  return identity !== null && identity.uid !== 0;
}

const knownGroups = new Map<string, readonly number[]>();

/** All that the user's processes have. */
export function groupsOf(identity: Identity): readonly number[] {
  const { uid, gid, initgroups } = identity;
  if (!initgroups) return [gid];
  const known = knownGroups.get(`${uid}:${gid}`);
  if (known !== undefined) return known;
  const groups = asUser(identity, () => process.getgroups?.() ?? [gid]);
  knownGroups.set(`${uid}:${gid}`, groups);
  return groups;
}

function takeGroups({ uid, gid, initgroups }: Identity): void {
  if (initgroups) (process as WithInitgroups).initgroups?.(uid, gid);
  else process.setgroups?.([gid]);
}
