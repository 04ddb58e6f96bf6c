/**
 * The control socket of an arbiter: what it answers from, and when it opens.
 *
 * Runs in: arbiter.
 */
import { join } from "node:path";
import type { ErrorLog } from "../logging/error-log.ts";
import type { Loaded } from "../settings/load.ts";
import type { Controlled } from "./control-commands.ts";
import { ControlServer } from "./control-server.ts";
import type { Life, LifeWatcher } from "./life.ts";
import type { Listener } from "./listeners.ts";
import type { Upgrade } from "./upgrade.ts";

const OWN_SOCKET = "control.sock";

/** Resolves at the end of the reload that comes next or is going on. */
export function nextReload(life: Life): Promise<string | null> {
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

export function listenerFacts(
  listeners: readonly Listener[],
  addresses: readonly string[],
): ReturnType<Controlled["listeners"]> {
  return listeners.map(({ fd, info: { kind, host } }, index) => ({
    address: addresses[index] ?? "",
    fd,
    type: kind === "tcp" && host.includes(":") ? "tcp6" : kind,
  }));
}

/** `directory`: the instance's own. */
export function openControlSocket(
  { settings, sources }: Loaded,
  directory: string,
  controlled: Controlled,
  { life, upgrade, log }: { readonly life: Life; readonly upgrade: Upgrade; readonly log: ErrorLog },
): void {
  if (settings.control_socket_disable) return;
  const isOwn = sources.control_socket === "default";
  const path = isOwn ? join(directory, OWN_SOCKET) : settings.control_socket;
  const server = new ControlServer(controlled, log);
  const listen = (): void => {
    void server.listen(path, settings.control_socket_mode, isOwn);
  };
  // A path that the operator has set belongs to the first arbiter as long as it lives.
  if (upgrade.isSecond && !isOwn) life.watch({ onPromoted: listen });
  else listen();
}
