/**
 * Who, besides root, can change where a path leads.
 *
 * The path is walked as the kernel walks it, from `/`, through `..` and symbolic links, and each directory on the way is
 * looked at. Whoever may write in one of them can put something else in the place of what comes next. In a directory of
 * root with the sticky bit (/tmp) they can only add names: a directory that root has there stays where it is.
 *
 * Reads, and changes nothing. Runs in: arbiter, tunicornctl.
 */
import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/**
 * - `root`: nobody.
 * - `sticky`: the last directory is like /tmp. What root has there nobody else can rename or remove.
 * - `group`: all directories are root's, and a group that the user is not in may write in one of them (/var/log of Ubuntu).
 *   An access control list looks the same, so the user may be among those who can.
 * - `others`: the user, or somebody else.
 */
export type Keeper = "root" | "sticky" | "group" | "others";

export interface Place {
  readonly keeper: Keeper;
  /** The last directory of the path as far as it exists, without links; said of `others` too, as far as it was walked. */
  readonly directory: string;
}

const OTHERS_WRITE = 0o002;
const GROUP_WRITE = 0o020;
const STICKY = 0o1000;
/** The kernel's limit (path_resolution(7)). */
const MAX_LINKS = 40;
/** Links that are none: they lead to what a process has open, wherever that is. */
const DESCRIPTORS = /^\/proc\/\d+(?:\/task\/\d+)?\/fd$/;

/** `groups`: those of the user. The path need not exist. */
export function keeperOf(path: string, groups: readonly number[]): Keeper {
  return placeOf(path, groups).keeper;
}

/** Who can change what is at the name at the end, which may be a link: it is not followed. */
export function keeperOfName(path: string, groups: readonly number[]): Keeper {
  return placeOf(path, groups, false).keeper;
}

/** See `keeperOf`; `followsLast`: through a link at the end. */
export function placeOf(path: string, groups: readonly number[], followsLast = true): Place {
  const steps = stepsOf(isAbsolute(path) ? path : join(process.cwd(), "/") + path);
  let directory = "/";
  let isPastGroup = false;
  let links = 0;
  const ends = (keeper: Keeper): Place => ({
    directory,
    keeper: isPastGroup && keeper !== "others" ? (keeper === "sticky" ? "others" : "group") : keeper,
  });
  for (;;) {
    const keeper = keeperOfDirectory(directory, groups);
    const name = steps.shift();
    if (name === undefined || keeper === "others") return ends(keeper);
    if (name === "..") {
      directory = dirname(directory);
      continue;
    }
    const entry = maybeStats(join(directory, name));
    if (DESCRIPTORS.test(directory)) return ends(steps.length === 0 ? keeper : "others");
    const isFollowed = followsLast || steps.length > 0;
    if (entry?.isSymbolicLink() === true && isFollowed) {
      if (keeper !== "root" || ++links > MAX_LINKS) return ends("others");
      const target = readlinkSync(join(directory, name));
      if (isAbsolute(target)) directory = "/";
      steps.unshift(...stepsOf(target));
      continue;
    }
    if (steps.length === 0 || entry?.isDirectory() !== true) return ends(keeper);
    directory = join(directory, name);
    if (entry.uid !== 0) return ends("others");
    isPastGroup ||= keeper === "group";
  }
}

/** Who can change names in it. */
function keeperOfDirectory(path: string, groups: readonly number[]): Keeper {
  const stats = maybeStats(path);
  if (stats === undefined || stats.uid !== 0) return "others";
  if ((stats.mode & (OTHERS_WRITE | GROUP_WRITE)) === 0) return "root";
  if ((stats.mode & STICKY) !== 0) return "sticky";
  return (stats.mode & OTHERS_WRITE) !== 0 || groups.includes(stats.gid) ? "others" : "group";
}

/** Undefined when there is nothing, or root may not look there (NFS). */
function maybeStats(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function stepsOf(path: string): string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}
