/**
 * Opens files in the spool directory. It lies where others can write and cleaners remove what looks old, so it may have gone, or
 * be somebody else's by now.
 *
 * Rules: a directory that has gone is made again, private; nothing is ever written into one that others could read or change.
 *
 * Runs in: gateway.
 */
import { lstat, lstatSync, mkdir, mkdirSync, open, openSync, type Stats } from "node:fs";
import { dirname } from "node:path";

type Opened = (error: NodeJS.ErrnoException | null, fd?: number) => void;

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const OTHERS = 0o077;

/** As `fs.open`, which a stream calls with a mode too. */
export function openSpooled(path: string, flags: string, _mode: number, callback: Opened): void {
  const directory = dirname(path);
  const openFile = (): void => open(path, flags, FILE_MODE, callback);
  lstat(directory, (error, stats) => {
    if (error === null && isOwn(stats)) openFile();
    else if (error === null) callback(notOwn(directory));
    else if (error.code !== "ENOENT") callback(error);
    else makeAgain(directory, callback, openFile);
  });
}

/** Two files may find at the same time that it has gone: the second looks once more at what the first has made. */
function makeAgain(directory: string, callback: Opened, openFile: () => void): void {
  mkdir(directory, DIRECTORY_MODE, (error) => {
    if (error !== null && error.code !== "EEXIST") {
      callback(error);
      return;
    }
    lstat(directory, (lost, stats) => {
      if (lost !== null) callback(lost);
      else if (isOwn(stats)) openFile();
      else callback(notOwn(directory));
    });
  });
}

/** Throws the system's error. */
export function openSpooledSync(path: string, flags: string): number {
  const directory = dirname(path);
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) mkdirSync(directory, DIRECTORY_MODE);
  else if (!isOwn(stats)) throw notOwn(directory);
  return openSync(path, flags, FILE_MODE);
}

function isOwn(stats: Stats): boolean {
  return stats.isDirectory() && stats.uid === process.geteuid?.() && (stats.mode & OTHERS) === 0;
}

function notOwn(directory: string): Error {
  return new Error(`${directory} is not this server's own any more`);
}
