/**
 * The log files: looked at before anything starts, and given to the user that will write them.
 *
 * Runs in: arbiter.
 */
import type { Identity } from "../identity.ts";
import { closeLogFile, LogFileRefused, openLogFile } from "../logging/open-log-file.ts";
import type { Loaded } from "../settings/load.ts";
import { maybeSystemError, pythonRepresentation } from "./system-error.ts";

/** What a refused file is replaced by: standard error, and no access log. */
const OTHERWISE = { errorlog: "-", accesslog: null } as const;

export interface Prepared {
  /** The same, without the log files that are refused. */
  readonly loaded: Loaded;
  /** A line for each file that is not used, because of what somebody has put there. It does not keep the server from starting. */
  readonly refusals: readonly string[];
}

const NAMES = ["errorlog", "accesslog"] as const;

/** Creates what is missing: a process that is not root may not be able to. Throws Error with Gunicorn's message. */
export function prepareLogFiles(
  loaded: Loaded,
  identity: Identity | null,
  names: readonly (typeof NAMES)[number][] = NAMES,
): Prepared {
  let { settings } = loaded;
  const refusals: string[] = [];
  for (const name of names) {
    const refusal = maybeRefusal(settings[name], identity);
    if (refusal === undefined) continue;
    settings = { ...settings, [name]: OTHERWISE[name] };
    refusals.push(`${name} is not used: ${refusal}`);
  }
  return { loaded: { ...loaded, settings }, refusals };
}

function maybeRefusal(path: string | null, identity: Identity | null): string | undefined {
  if (path === null || path === "-") return undefined;
  try {
    closeLogFile(openLogFile(path, identity));
    return undefined;
  } catch (error) {
    if (error instanceof LogFileRefused) return error.message;
    const known = maybeSystemError(error);
    const reason = known === undefined ? (error as Error).message : pythonRepresentation(known);
    // The word comes twice in what is printed, as in Gunicorn.
    throw new Error(`Error: '${path}' isn't writable [${reason}]`);
  }
}
