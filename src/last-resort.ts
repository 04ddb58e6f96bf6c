/**
 * The last resort: what becomes of an error that nobody expected (docs/decisions/0018-last-resort.md).
 *
 * Rules: an error while one thing is handled (a signal, a frame, a report, a client, a timer, a file) costs that one thing and one
 * line of the log. A Contradiction says that state on which the whole process relies is wrong: nothing that it does afterwards can
 * be trusted, so it ends the process, which is then started again.
 *
 * Runs in: arbiter, gateway.
 */
import { LineLimit, times } from "./logging/line-limit.ts";
import { quoted } from "./logging/quoted.ts";

/** The process's own state contradicts itself. Never thrown for what a client, an application or the system did. */
export class Contradiction extends Error {}

/** Where the lines go. */
export interface FaultLog {
  debug(message: string): void;
  error(message: string): void;
  critical(message: string): void;
}

const limit = new LineLimit();

/** Runs `act` and reports what it throws, except a Contradiction, which is thrown again. `what`: "handling signal hup". */
export function guarded(log: FaultLog, what: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    reportFault(log, what, error);
  }
}

/** Reports an error that cost the one thing that was handled. Throws a Contradiction again. `what` is one of few texts. */
export function reportFault(log: FaultLog, what: string, error: unknown): void {
  if (error instanceof Contradiction) throw error;
  const count = limit.count(what);
  if (count === 0) return;
  log.error(`Error while ${what}${times(count)}: ${describe(error)}`);
  if (error instanceof Error && error.stack !== undefined) log.debug(error.stack);
}

/** The error and where it was thrown, in one line. */
function describe(error: unknown): string {
  const place = error instanceof Error ? /\n\s+at (.*)/.exec(error.stack ?? "")?.[1] : undefined;
  return `${quoted(String(error))}${place === undefined ? "" : `, at ${place}`}`;
}

/**
 * Catches from now on what escapes every other guard. `end` is called once, after a Contradiction was logged, and must end the process.
 */
export function guardProcess(log: FaultLog, end: () => void): void {
  let isEnding = false;
  // During the start any error ended the process (logging/node-messages.ts).
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error: unknown) => {
    if (!(error instanceof Contradiction)) {
      reportFault(log, "handling an event", error);
      return;
    }
    if (isEnding) return;
    isEnding = true;
    log.critical(`The state of this process contradicts itself; it ends. ${error.stack}`);
    end();
  });
}
