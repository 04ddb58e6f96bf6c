/**
 * The pid file, with Gunicorn's rules: refused while its process lives, taken over when it is stale, replaced
 * atomically, removed only when it is still ours.
 *
 * As root it is read, written and removed with the rights of the user where that user could change its path. Only a
 * regular file is read: a FIFO would wait for a writer, and a link of another user may lead anywhere. In a directory like /tmp
 * it is root's, and nobody can take its place.
 *
 * Runs in: arbiter.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { asUser, canRootName, isKeptByRoot } from "../as-user.ts";
import type { Identity } from "../identity.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const MODE = 0o644;
/** A pid and its line feed are shorter. */
const MAX_BYTES = 64;
const RANDOM_BYTES = 6;

export interface PidfileOptions {
  /** Who serves, when it is not who runs the arbiter. */
  readonly identity?: Identity | null;
  readonly warn?: (message: string) => void;
}

export class Pidfile {
  readonly #options: PidfileOptions;
  readonly #identity: Identity | null;
  #path: string;
  /** Nobody but root can change where the path leads, or this process is not root anyway. */
  #isKept = true;

  /** Creates the file. Throws Error with Gunicorn's message. */
  constructor(path: string, options: PidfileOptions = {}) {
    this.#path = path;
    this.#options = options;
    this.#identity = options.identity ?? null;
    this.#withRights(() => this.#create());
  }

  /** To another path: its owner there is gone. Throws as the constructor does. */
  moveTo(path: string): void {
    new Pidfile(path, this.#options);
    this.remove();
    this.#path = path;
  }

  /** When it is still ours; what cannot be removed stays, and is told. */
  remove(): void {
    try {
      this.#withRights(() => {
        if (this.#readPid() === process.pid) unlinkSync(this.#path);
      });
    } catch (error) {
      this.#options.warn?.(`Pid file not removed: ${(error as Error).message}`);
    }
  }

  #withRights(act: () => void): void {
    this.#isKept = isKeptByRoot(this.#path, this.#identity);
    asUser(canRootName(this.#path, this.#identity) ? null : this.#identity, act);
  }

  #create(): void {
    const path = this.#path;
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new Error(`[Errno 21] Is a directory: '${path}'`);
    }
    const owner = this.#livingOwner();
    if (owner > 0 && owner !== process.pid) {
      throw new Error(`Already running on PID ${owner} (or pid file '${path}' is stale)`);
    }
    const directory = dirname(path);
    if (!existsSync(directory)) throw new Error(`${directory} doesn't exist. Can't create pidfile.`);
    // A name that nobody can have taken, and created, never opened.
    const temporary = `${path}.${process.pid}.${randomBytes(RANDOM_BYTES).toString("hex")}.tmp`;
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    try {
      writeSync(fd, `${process.pid}\n`);
      // Whatever the umask is.
      fchmodSync(fd, MODE);
    } finally {
      closeSync(fd);
    }
    try {
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw Object.assign(error as NodeJS.ErrnoException, { path });
    }
  }

  /** What somebody else has put there is replaced, unread. */
  #readPidAtStart(): number {
    try {
      return this.#readPid();
    } catch (error) {
      if (this.#isKept) throw error;
      this.#options.warn?.(`Replacing what is in the place of the pid file: ${(error as Error).message}`);
      return 0;
    }
  }

  /** 0 when there is none. Throws Error when it is no file that can be read here. */
  #readPid(): number {
    try {
      return this.#read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
      throw error;
    }
  }

  #read(): number {
    const found = lstatSync(this.#path);
    const isLink = found.isSymbolicLink();
    if (isLink && !this.#isKept) throw new Error(`pid file '${this.#path}' is a link of user ${found.uid}`);
    const fd = openSync(this.#path, O_RDONLY | O_NONBLOCK | (isLink ? 0 : O_NOFOLLOW));
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) throw new Error(`pid file '${this.#path}' is not a regular file`);
      if (!this.#isKept && !this.#isTrusted(stats.uid))
        throw new Error(`pid file '${this.#path}' is user ${stats.uid}'s`);
      const bytes = Buffer.alloc(MAX_BYTES);
      return Number.parseInt(bytes.toString("latin1", 0, readSync(fd, bytes)), 10) || 0;
    } finally {
      closeSync(fd);
    }
  }

  #isTrusted(uid: number): boolean {
    return uid === 0 || uid === this.#identity?.uid;
  }

  /** 0 when there is none. A process of another user counts as living. */
  #livingOwner(): number {
    const pid = this.#readPidAtStart();
    if (pid <= 0) return 0;
    try {
      process.kill(pid, 0);
      return pid;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH" ? 0 : pid;
    }
  }
}
