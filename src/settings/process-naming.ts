/**
 * Gunicorn's section "Process Naming".
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { textOrNull } from "./validators.ts";

export const DEFAULT_PROC_NAME = "tunicorn";

export const processNaming = section("Process Naming", {
  proc_name: {
    summary:
      "What the processes are called in ps and top. Without it, they are called after the application.",
    flags: ["-n", "--name"],
    metavar: "STRING",
    validate: textOrNull,
    default: null,
  },
  /** Gunicorn sets it by itself to what serves as the application's name. */
  default_proc_name: {
    summary:
      "What the processes are called when proc_name is not set and the command line names no application.",
    validate: textOrNull,
    default: DEFAULT_PROC_NAME,
  },
});
