/**
 * Gunicorn's section "Debugging".
 *
 * Runs in: arbiter.
 */
import { reloadEngine } from "./choices.ts";
import { filesOrPatterns } from "./places.ts";
import { section } from "./setting.ts";
import { bool } from "./validators.ts";

/** `--print-config=json` is Tunicorn's own. */
function boolOrJson(raw: unknown): boolean | "json" {
  return raw === "json" ? "json" : bool(raw);
}

export const debugging = section("Debugging", {
  reload: {
    summary: "Load the code anew when a file of it changes. For development.",
    flags: ["--reload"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  reload_engine: {
    summary: "How changes are found: auto, poll or inotify.",
    flags: ["--reload-engine"],
    metavar: "STRING",
    validate: reloadEngine,
    default: "auto",
  },
  reload_extra_files: {
    summary: "A file, directory or pattern to watch besides the code. Repeat the option to watch several.",
    flags: ["--reload-extra-file"],
    metavar: "FILES",
    action: "append",
    validate: filesOrPatterns,
    default: [],
  },
  spew: {
    summary: "Print every line of Python that is executed.",
    flags: ["--spew"],
    action: "store_true",
    validate: bool,
    default: false,
    effect: { kind: "none", why: "Python has debuggers and tracers for this (python -m trace)" },
  },
  check_config: {
    summary: "Check the settings, import the application, and leave.",
    flags: ["--check-config"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  print_config: {
    summary:
      "Print all settings, import the application, and leave. --print-config=json prints them as JSON.",
    flags: ["--print-config"],
    action: "store_true",
    validate: boolOrJson,
    default: false,
  },
});
