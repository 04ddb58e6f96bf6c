/**
 * Who listens at a port that cannot be had: the first thing an operator asks. From /proc, so on Linux only, and only of
 * processes that this user may look into.
 *
 * Runs in: arbiter.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LISTENING = "0A";

/** `process 4711 (python manage.py runserver)`, or undefined when it cannot be found out. */
export function maybeHolder(port: number): string | undefined {
  const inodes = new Set(
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningInodes(table, port)),
  );
  if (inodes.size === 0) return undefined;
  const pid = readable(() => readdirSync("/proc"), []).find(
    (name) => /^\d+$/.test(name) && holds(name, inodes),
  );
  return pid === undefined ? undefined : `process ${pid} (${commandOf(pid)})`;
}

/** The columns are those of proc_pid_net(5): local address, state, inode. */
function listeningInodes(table: string, port: number): string[] {
  return readable(() => readFileSync(table, "latin1"), "")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local = "", , state]) =>
        state === LISTENING && Number.parseInt(local.split(":")[1] ?? "", 16) === port,
    )
    .map((columns) => `socket:[${columns[9]}]`);
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  const directory = `/proc/${pid}/fd`;
  return readable(() => readdirSync(directory), []).some((fd) =>
    inodes.has(readable(() => readlinkSync(`${directory}/${fd}`), "")),
  );
}

function commandOf(pid: string): string {
  return readable(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"), "")
    .replaceAll("\0", " ")
    .trim()
    .slice(0, 80);
}

/** Processes end, and others' are closed to us. */
function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
