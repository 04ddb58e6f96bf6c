/**
 * What each signal asks of the arbiter (Gunicorn's table). Node delivers signals between two turns of the event loop, so
 * a handler may do anything.
 *
 * Runs in: arbiter.
 */
import { guarded } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { Arbiter } from "./arbiter.ts";

/** `isDaemon`: no terminal sends WINCH. */
export function handleSignals(arbiter: Arbiter, log: ErrorLog, isDaemon: boolean): void {
  const actions: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGTERM: () => arbiter.stop(false),
    SIGINT: () => arbiter.stop(true),
    SIGQUIT: () => arbiter.stop(true),
    SIGHUP: () => arbiter.reload(),
    SIGTTIN: () => arbiter.scale(1),
    SIGTTOU: () => arbiter.scale(-1),
    SIGUSR1: () => arbiter.reopenLogs(),
    SIGUSR2: () => arbiter.upgrade(),
    SIGWINCH: () => {
      if (isDaemon) arbiter.rest();
      else log.debug("SIGWINCH ignored. Not daemonized");
    },
  };
  for (const [signal, act] of Object.entries(actions)) {
    const name = signal.slice("SIG".length).toLowerCase();
    process.on(signal, () => {
      if (isDaemon || signal !== "SIGWINCH") log.info(`Handling signal: ${name}`);
      guarded(log, `handling signal ${name}`, act);
    });
  }
}
