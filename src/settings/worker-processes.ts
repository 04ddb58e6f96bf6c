/**
 * Gunicorn's section "Worker Processes".
 *
 * Runs in: arbiter.
 */
import { maybePythonInt, pythonIntError } from "./python-text.ts";
import { section } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { positiveInt, text } from "./validators.ts";

/** Gunicorn answers anything else than a number with a traceback; the line names the variable to look at. */
function readWebConcurrency(value: string): number {
  const workers = maybePythonInt(value, 10);
  if (workers === undefined) throw new SettingsError(`WEB_CONCURRENCY: ${pythonIntError(value, 10)}`);
  return workers;
}

export const workerProcesses = section("Worker Processes", {
  workers: {
    summary: "How many worker processes handle requests.",
    flags: ["-w", "--workers"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 1,
    variable: { name: "WEB_CONCURRENCY", form: "$WEB_CONCURRENCY", read: readWebConcurrency },
  },
  /** `resolveWorkerClass` in resolve.ts says which one it comes to. */
  worker_class: {
    summary: "The kind of worker: sync (one request at a time) or gthread (one per thread).",
    flags: ["-k", "--worker-class"],
    metavar: "STRING",
    validate: text,
    default: "sync",
  },
  threads: {
    summary: "How many threads each worker handles requests with. More than one turns sync into gthread.",
    flags: ["--threads"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 1,
  },
  /** Seconds; 0 switches the limit off. */
  timeout: {
    summary: "Seconds that a request may take before its worker is killed and replaced. 0 means no limit.",
    flags: ["-t", "--timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
  },
  /** Seconds. */
  graceful_timeout: {
    summary: "Seconds that requests have to finish when workers are stopped or restarted.",
    flags: ["--graceful-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
  },
  /** Seconds; 0 closes each connection after its response. */
  keepalive: {
    summary: "Seconds that an idle connection is kept open for the client's next request.",
    flags: ["--keep-alive"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 2,
  },
  /** Requests; 0 switches the limit off. */
  max_queue: {
    summary: "How many requests may wait for a worker; more are answered with 503. 0 means no limit.",
    flags: ["--max-queue"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
  /** Seconds; 0 switches the limit off. */
  queue_timeout: {
    summary: "Seconds that a request may wait for a worker; then it is answered with 503. 0 means no limit.",
    flags: ["--queue-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
});
