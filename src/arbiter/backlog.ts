/**
 * How many connections wait in the kernel to be accepted, for `enable_backlog_metric`.
 *
 * Node cannot ask a socket for TCP_INFO, as Gunicorn does; Linux lists the same number in /proc/net/tcp, where `rx_queue` of a
 * listening socket is its accept queue.
 *
 * Runs in: arbiter.
 */
import { readFileSync } from "node:fs";
import type { ListenerInfo } from "../queue/gateway-messages.ts";

const LISTEN = "0A";
/** `  0: 0100007F:1F40 00000000:0000 0A 00000000:00000003 …` */
const LINE =
  /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) [0-9A-F]{8}:([0-9A-F]{8}) /;

/** Of all TCP listeners together; undefined where it is not known. */
export function maybeBacklog(
  listeners: readonly ListenerInfo[],
  directory = "/proc/net",
): number | undefined {
  const ports = new Set(listeners.filter(({ kind }) => kind === "tcp").map(({ port }) => port));
  if (ports.size === 0) return undefined;
  let backlog: number | undefined;
  for (const name of ["tcp", "tcp6"]) {
    for (const line of linesOf(`${directory}/${name}`)) {
      const [, port = "", state, waiting = ""] = LINE.exec(line) ?? [];
      if (state !== LISTEN || !ports.has(Number.parseInt(port, 16))) continue;
      backlog = (backlog ?? 0) + Number.parseInt(waiting, 16);
    }
  }
  return backlog;
}

/** Another system has no such file. */
function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}
