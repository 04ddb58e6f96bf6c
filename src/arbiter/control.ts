/**
 * The control socket of an arbiter: what it answers from, and when it opens.
 *
 * Runs in: arbiter.
 */
import { join } from "node:path";
import type { Identity } from "../identity.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { ScoreboardReader } from "../queue/scoreboard.ts";
import type { Loaded } from "../settings/load.ts";
import type { Arbiter } from "./arbiter.ts";
import type { Children } from "./children.ts";
import type { Controlled } from "./control-commands.ts";
import { ControlServer } from "./control-server.ts";
import type { Gateways } from "./gateways.ts";
import type { Generation } from "./generation.ts";
import type { Life, LifeWatcher } from "./life.ts";
import { type Listener, listenerText } from "./listeners.ts";
import type { Upgrade } from "./upgrade.ts";
import { workerStatus } from "./worker-status.ts";

const OWN_SOCKET = "control.sock";

export interface Facts {
  readonly life: Life;
  readonly children: Children;
  readonly scoreboard: () => ScoreboardReader;
  readonly gateways: Gateways;
  readonly current: () => Generation;
  /** How often HUP came. */
  readonly reloads: () => number;
  readonly listeners: Controlled["listeners"];
}

/** What the control socket answers from. */
export function controlOf(arbiter: Arbiter, facts: Facts): Controlled {
  const { life, children, gateways, current, reloads, listeners } = facts;
  return {
    workers: () => workerStatus(children, facts.scoreboard(), (work) => gateways.describeAll(work)),
    stats: () => ({
      uptime: Math.round(process.uptime() * 100) / 100,
      pid: process.pid,
      workers_current: children.size,
      workers_target: current().target,
      workers_spawned: children.everAdded,
      workers_killed: children.everAdded - children.size,
      reloads: reloads(),
      dirty_arbiter_pid: null,
    }),
    listeners,
    config: () => current().loaded.settings,
    reload: () => arbiter.reload(),
    reloaded: () => nextReload(life),
    reopenLogs: () => arbiter.reopenLogs(),
    stop: (quick) => arbiter.stop(quick),
    scale: (by) => arbiter.scaleTo(current().target + by),
    retire: (pid) => arbiter.retire(pid),
  };
}

/** Resolves at the end of the reload that comes next or is going on. */
function nextReload(life: Life): Promise<string | null> {
  return new Promise((resolve) => {
    const watcher: LifeWatcher = {
      onReloaded: (problem) => {
        life.unwatch(watcher);
        resolve(problem);
      },
      onStopping: () => {
        life.unwatch(watcher);
        resolve("the instance is stopping");
      },
    };
    life.watch(watcher);
  });
}

export function listenerFacts(listeners: readonly Listener[]): ReturnType<Controlled["listeners"]> {
  return listeners.map((listener) => {
    const { kind, host } = listener.info;
    const type = kind === "tcp" && host.includes(":") ? "tcp6" : kind;
    return { address: listenerText(listener), fd: listener.fd, type };
  });
}

interface Surroundings {
  readonly life: Life;
  readonly upgrade: Upgrade;
  readonly log: ErrorLog;
  readonly identity: Identity | null;
}

/** Opens it once more, in another directory or in the same one, which was made again; null: there is none. */
export type ReopenControlSocket = (directory: string | null) => void;

/** `directory`: the instance's own; null: there is none. */
export function openControlSocket(
  { settings, sources }: Loaded,
  directory: string | null,
  controlled: Controlled,
  { life, upgrade, log, identity }: Surroundings,
): ReopenControlSocket {
  if (settings.control_socket_disable) return () => {};
  const isOwn = sources.control_socket === "default";
  let server = new ControlServer(controlled, log);
  const listen = (path: string): void => {
    void server.listen(path, settings.control_socket_mode, isOwn, identity);
  };
  const listenIn = (own: string | null): void => {
    if (own !== null) listen(join(own, OWN_SOCKET));
    else log.warning("No control socket: there is no directory for it that only root can change");
  };
  if (isOwn) listenIn(directory);
  // A path that the operator has set belongs to the first arbiter as long as it lives.
  else if (upgrade.isSecond) life.watch({ onPromoted: () => listen(settings.control_socket) });
  else listen(settings.control_socket);
  return (other) => {
    if (!isOwn) return;
    server.close();
    server = new ControlServer(controlled, log);
    listenIn(other);
  };
}
