/**
 * The pid file, with Gunicorn's rules: refused while its process lives, taken over when it is stale, replaced
 * atomically, removed only when it is still ours.
 *
 * Runs in: arbiter.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

export class Pidfile {
  #path: string;

  /** Creates the file. Throws Error with Gunicorn's message. */
  constructor(path: string) {
    this.#path = path;
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new Error(`[Errno 21] Is a directory: '${path}'`);
    }
    const owner = this.#livingOwner();
    if (owner > 0 && owner !== process.pid) {
      throw new Error(`Already running on PID ${owner} (or pid file '${path}' is stale)`);
    }
    const directory = dirname(path);
    if (!existsSync(directory)) throw new Error(`${directory} doesn't exist. Can't create pidfile.`);
    const temporary = `${path}.${process.pid}.tmp`;
    // Created, never opened: in a directory that others can write, a link may be waiting under this name.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, `${process.pid}\n`, { flag: "wx" });
    chmodSync(temporary, 0o644);
    renameSync(temporary, path);
  }

  /** To another path: its owner there is gone. Throws as the constructor does. */
  moveTo(path: string): void {
    new Pidfile(path);
    this.remove();
    this.#path = path;
  }

  remove(): void {
    if (this.#readPid() === process.pid) unlinkSync(this.#path);
  }

  #readPid(): number {
    try {
      return Number.parseInt(readFileSync(this.#path, "utf8"), 10) || 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
      throw error;
    }
  }

  /** 0 when there is none. A process of another user counts as living. */
  #livingOwner(): number {
    const pid = this.#readPid();
    if (pid <= 0) return 0;
    try {
      process.kill(pid, 0);
      return pid;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH" ? 0 : pid;
    }
  }
}
