/**
 * The program that has started this arbiter with `serve`: it is told what happens, and when it ends, however it does, the
 * instance stops as by TERM.
 *
 * Runs in: arbiter.
 */
import type { ErrorLog } from "../logging/error-log.ts";
import type { Arbiter } from "./arbiter.ts";
import type { Life } from "./life.ts";
import { PARENT_MARK, type ParentReport } from "./parent-messages.ts";

const hasParent = process.env[PARENT_MARK] !== undefined;
// Nothing that this process starts has it for a parent.
delete process.env[PARENT_MARK];

export function reportToParent(life: Life, arbiter: Arbiter, log: ErrorLog): void {
  if (!hasParent) return;
  const stop = (): void => {
    log.info("The program that has started this server is gone");
    arbiter.stop(false);
  };
  if (process.connected) process.once("disconnect", stop);
  else stop();
  // A report that cannot be sent: what follows is the end of the connection.
  const report = (message: ParentReport): void => void process.send?.(message, () => {});
  life.watch({
    onServing: () => report({ type: "serving", addresses: arbiter.addresses }),
    onReloaded: (problem) => {
      if (problem === null) report({ type: "reloaded", addresses: arbiter.addresses });
      else report({ type: "reload-failed", problem });
    },
  });
}
