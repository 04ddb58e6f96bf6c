/**
 * What an arbiter tells the program that has started it with `serve`, over Node's IPC channel. Past tense.
 *
 * Runs in: arbiter, and a program that calls `serve`.
 */
export type ParentReport =
  /** All workers are ready; `addresses` as in the log: `http://127.0.0.1:8000`, `unix:/run/app.sock`. */
  | { readonly type: "serving"; readonly addresses: readonly string[] }
  | { readonly type: "reloaded"; readonly addresses: readonly string[] }
  /** The generation before serves on. */
  | { readonly type: "reload-failed"; readonly problem: string };

/** The variable that says that this channel is there, and whose it is. */
export const PARENT_MARK = "TUNICORN_PARENT";
