/**
 * Gunicorn's section "Worker Processes".
 *
 * Runs in: arbiter.
 */
import { CASTING, choice } from "./choices.ts";
import { maybePythonInt, pythonIntError } from "./python-text.ts";
import { classOrText } from "./python-values.ts";
import { type Effect, section } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { byteSize, gatewayCount, positiveInt, secondsOrNull } from "./validators.ts";

/** Gunicorn answers anything else than a number with a traceback; the line names the variable to look at. */
function readWebConcurrency(value: string): number {
  const workers = maybePythonInt(value, 10);
  if (workers === undefined) throw new SettingsError(`WEB_CONCURRENCY: ${pythonIntError(value, 10)}`);
  return workers;
}

const NO_ASGI: Effect = { kind: "none", why: "only ASGI workers would read it, and there are none yet" };

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
    validate: classOrText,
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
  worker_connections: {
    summary: "How many clients a worker of Gunicorn's threaded and asynchronous kinds holds.",
    flags: ["--worker-connections"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 1000,
    effect: { kind: "none", why: "the gateway holds the connections, and no worker is bound by them" },
  },
  /** Requests; 0 switches it off. */
  max_requests: {
    summary:
      "How many requests a worker handles before another takes its place; it may be a few more. 0 means no limit.",
    flags: ["--max-requests"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
  },
  max_requests_jitter: {
    summary: "The most that is added at random to max_requests, so that not all workers leave at once.",
    flags: ["--max-requests-jitter"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
  },
  /** Seconds; 0 switches the limit off. */
  timeout: {
    summary:
      "Seconds that a request to a sync worker may take before it is answered with 504 and ended. A worker with threads whose main thread does not run for so long is killed, and another takes its place. 0 means no limit.",
    flags: ["-t", "--timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
  },
  /** Seconds; 0 switches the limit off. Null: `timeout` for sync workers, off for the others. */
  request_timeout: {
    summary:
      "Seconds that a request may take up to the head of its response, and then from one part of the body to the next, before it is answered with 504 (or cut) and ended. A worker in which it cannot be ended is replaced and killed. 0 means no limit. Default: timeout for sync workers, no limit for workers with threads.",
    flags: ["--request-timeout"],
    metavar: "SECONDS",
    validate: secondsOrNull,
    default: null,
    own: true,
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
  asgi_loop: {
    summary: "The event loop of ASGI workers: auto, asyncio or uvloop.",
    flags: ["--asgi-loop"],
    metavar: "STRING",
    validate: choice(["auto", "asyncio", "uvloop"], CASTING, (word) => `Invalid ASGI loop: ${word}`),
    default: "auto",
    effect: NO_ASGI,
  },
  asgi_lifespan: {
    summary: "Whether ASGI applications are told of start and end: auto, on or off.",
    flags: ["--asgi-lifespan"],
    metavar: "STRING",
    validate: choice(["auto", "on", "off"], CASTING, (word) => `Invalid ASGI lifespan: ${word}`),
    default: "auto",
    effect: NO_ASGI,
  },
  /** Seconds. */
  asgi_disconnect_grace_period: {
    summary: "Seconds that an ASGI application may go on after its client has left.",
    flags: ["--asgi-disconnect-grace-period"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 3,
    effect: NO_ASGI,
  },
  /** Bytes. */
  websocket_max_message_size: {
    summary: "The longest message of a WebSocket, in bytes. 0 means no limit.",
    flags: ["--websocket-max-message-size"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 16_777_216,
    effect: NO_ASGI,
  },
  http_parser: {
    summary: "Which of Gunicorn's parsers reads requests: auto, fast or python.",
    flags: ["--http-parser"],
    metavar: "STRING",
    validate: choice(
      ["auto", "fast", "python"],
      () => "http_parser must be a string",
      () => "http_parser must be one of: auto, fast, python",
    ),
    default: "auto",
    effect: { kind: "none", why: "the gateway has a parser of its own" },
  },
  /** `auto` is one for eight cores. */
  gateways: {
    summary:
      "How many processes accept clients; all share the workers. One is enough for the workers of about eight cores. auto: one for eight cores.",
    flags: ["--gateways"],
    metavar: "INT",
    validate: gatewayCount,
    default: 1,
    own: true,
  },
  /** Connections; `connectionLimit` of the gateway says what 0 means. */
  max_connections: {
    summary:
      "How many connections a gateway may have; more clients wait until one closes. 0 means three quarters of the descriptors it may open, without those for the workers' replies (two for each worker thread); it is never more than that.",
    flags: ["--max-connections"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
  /** Seconds; 0 switches the limit off. */
  header_timeout: {
    summary:
      "Seconds that a client may take for the head of a request, and for its first byte after it has connected. 0 means no limit.",
    flags: ["--header-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
    own: true,
  },
  /** Seconds; 0 switches the limit off. */
  body_timeout: {
    summary: "Seconds that a client may pause while it sends a request body. 0 means no limit.",
    flags: ["--body-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 30,
    own: true,
  },
  /** Seconds; 0 switches the limit off. */
  write_timeout: {
    summary:
      "Seconds that a client may take nothing of a response before its connection is cut. 0 means no limit.",
    flags: ["--write-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 60,
    own: true,
  },
  /** Seconds; 0 switches it off. */
  max_worker_lifetime: {
    summary: "Seconds that a worker serves before another takes its place. 0 means no limit.",
    flags: ["--max-worker-lifetime"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
  /** Seconds. */
  max_worker_lifetime_jitter: {
    summary:
      "The most that is added at random to max_worker_lifetime, so that not all workers leave at once.",
    flags: ["--max-worker-lifetime-jitter"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
  /** Bytes; 0 switches it off. */
  max_worker_memory: {
    summary:
      "The memory, as a number of bytes that K, M or G may follow, at which another worker takes the place of one. Pages that workers share count in parts. 0 means no limit.",
    flags: ["--max-worker-memory"],
    metavar: "SIZE",
    validate: byteSize,
    default: 0,
    own: true,
  },
  /** Seconds; 0 switches the limit off. */
  boot_timeout: {
    summary:
      "Seconds that a worker may take to import the application before it is killed. 0 means no limit.",
    flags: ["--boot-timeout"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
  /** Seconds. */
  drain_delay: {
    summary:
      "Seconds for which connections are still accepted after TERM, so that a load balancer can notice. A second TERM ends them.",
    flags: ["--drain-delay"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
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
  /** Microseconds; 0 switches it off. */
  busy_poll: {
    summary:
      "Microseconds that a gateway stays awake for a reply or request that is due, while few are in work and processors are free; where nothing comes it soon stops. 0 means never.",
    flags: ["--busy-poll"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 200,
    own: true,
  },
});
