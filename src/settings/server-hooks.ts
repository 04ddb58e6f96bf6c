/**
 * Gunicorn's section "Server Hooks": functions of a configuration file. They stay in Python; what is known here is
 * whether there is one.
 *
 * Runs in: arbiter.
 */

import { hook } from "./python-values.ts";
import { section } from "./setting.ts";

export const serverHooks = section("Server Hooks", {
  on_starting: hook("Called with the server before it listens.", 1, "OnStarting.on_starting"),
  on_reload: hook(
    "Called with the server when HUP reloads it, before new workers are forked.",
    1,
    "OnReload.on_reload",
  ),
  when_ready: hook(
    "Called with the server when it listens, before the first worker is forked.",
    1,
    "WhenReady.when_ready",
  ),
  pre_fork: hook("Called with the server and a worker before the worker is forked.", 2, "Prefork.pre_fork"),
  post_fork: hook(
    "Called with the server and a worker in the worker, once it is forked.",
    2,
    "Postfork.post_fork",
  ),
  post_worker_init: hook(
    "Called with a worker in the worker, once the application is imported.",
    1,
    "PostWorkerInit.post_worker_init",
  ),
  worker_int: hook("Called with a worker in the worker when it gets INT or QUIT.", 1, "WorkerInt.worker_int"),
  worker_abort: hook(
    "Called with a worker in the worker when it gets ABRT, as after a timeout.",
    1,
    "WorkerAbort.worker_abort",
  ),
  pre_exec: hook(
    "Called with the server before a new one is started in its place (USR2).",
    1,
    "PreExec.pre_exec",
  ),
  pre_request: hook(
    "Called with a worker and a request in the worker, before the application is.",
    2,
    "PreRequest.pre_request",
  ),
  post_request: hook(
    "Called with a worker, a request and, where it takes them, the environ and the response, after the request.",
    0,
    "PostRequest.post_request",
  ),
  child_exit: hook("Called with the server and a worker once the worker is gone.", 2, "ChildExit.child_exit"),
  worker_exit: hook(
    "Called with the server and a worker in the worker, before it leaves.",
    2,
    "WorkerExit.worker_exit",
  ),
  nworkers_changed: hook(
    "Called with the server, the new and the old number of workers when it changes.",
    3,
    "NumWorkersChanged.nworkers_changed",
  ),
  on_exit: hook("Called with the server at its end.", 1, "OnExit.on_exit"),
  ssl_context: hook(
    "Called with the settings and a function that makes the default context; returns Python's SSLContext.",
    2,
    "NewSSLContext.ssl_context",
    { kind: "later", feature: "TLS" },
  ),
});
