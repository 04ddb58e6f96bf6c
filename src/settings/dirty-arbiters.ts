/**
 * Gunicorn's section "Dirty Arbiters", and that of their hooks: processes for long work beside the workers, young in
 * Gunicorn and hardly used. They are not there.
 *
 * Runs in: arbiter.
 */
import { hook } from "./python-values.ts";
import { type Effect, section } from "./setting.ts";
import { positiveInt, textList } from "./validators.ts";

const NONE: Effect = { kind: "none", why: "there are no dirty arbiters" };

export const dirtyArbiters = section("Dirty Arbiters", {
  dirty_apps: {
    summary:
      "An application of Gunicorn's dirty workers, as MODULE:CLASS. Repeat the option to name several.",
    flags: ["--dirty-app"],
    metavar: "STRING",
    action: "append",
    validate: textList,
    default: [],
    effect: NONE,
  },
  dirty_workers: {
    summary: "How many dirty workers Gunicorn starts.",
    flags: ["--dirty-workers"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    effect: NONE,
  },
  /** Seconds. */
  dirty_timeout: {
    summary: "Seconds that a call of a dirty worker may take.",
    flags: ["--dirty-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 300,
    effect: NONE,
  },
  dirty_threads: {
    summary: "How many threads a dirty worker has.",
    flags: ["--dirty-threads"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 1,
    effect: NONE,
  },
  /** Seconds. */
  dirty_graceful_timeout: {
    summary: "Seconds that dirty workers have to finish.",
    flags: ["--dirty-graceful-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
    effect: NONE,
  },
});

export const dirtyArbiterHooks = section("Dirty Arbiter Hooks", {
  on_dirty_starting: hook(
    "Called with the dirty arbiter when Gunicorn starts it.",
    1,
    "OnDirtyStarting.on_dirty_starting",
    NONE,
  ),
  dirty_post_fork: hook(
    "Called with the dirty arbiter and a worker when Gunicorn has forked it.",
    2,
    "DirtyPostFork.dirty_post_fork",
    NONE,
  ),
  dirty_worker_init: hook(
    "Called with a dirty worker when its applications are there.",
    1,
    "DirtyWorkerInit.dirty_worker_init",
    NONE,
  ),
  dirty_worker_exit: hook(
    "Called with the dirty arbiter and a worker that has left.",
    2,
    "DirtyWorkerExit.dirty_worker_exit",
    NONE,
  ),
});
