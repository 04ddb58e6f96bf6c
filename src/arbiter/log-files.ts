/**
 * The log files: looked at before anything starts, and given to the user that will write them.
 *
 * Runs in: arbiter.
 */
import { closeSync, openSync } from "node:fs";
import { giveTo, type Identity } from "../identity.ts";
import type { Settings } from "../settings/table.ts";
import { maybeSystemError, pythonRepresentation } from "./system-error.ts";

const MODE = 0o644;

/** Creates what is missing: a process that is not root may not be able to. Throws Error with Gunicorn's message. */
export function prepareLogFiles({ errorlog, accesslog }: Settings, identity: Identity | null): void {
  for (const path of [errorlog, accesslog]) {
    if (path === null || path === "-") continue;
    try {
      closeSync(openSync(path, "a", MODE));
      giveTo(identity, path);
    } catch (error) {
      const known = maybeSystemError(error);
      const reason = known === undefined ? (error as Error).message : pythonRepresentation(known);
      // The word comes twice in what is printed, as in Gunicorn.
      throw new Error(`Error: '${path}' isn't writable [${reason}]`);
    }
  }
}
