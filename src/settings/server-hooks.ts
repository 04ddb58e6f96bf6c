/**
 * Gunicorn's section "Server Hooks": functions of a configuration file. They stay in Python; what is known here is
 * whether there is one.
 *
 * Runs in: arbiter.
 */

import { hook } from "./hook.ts";
import { section } from "./setting.ts";

export const serverHooks = section("Server Hooks", {
  on_starting: {
    summary: "Called with the server before it listens.",
    validate: hook(1),
    default: null,
  },
  on_reload: {
    summary: "Called with the server when HUP reloads it, before new workers are forked.",
    validate: hook(1),
    default: null,
  },
  when_ready: {
    summary: "Called with the server when it listens, before the first worker is forked.",
    validate: hook(1),
    default: null,
  },
  pre_fork: {
    summary: "Called with the server and a worker before the worker is forked.",
    validate: hook(2),
    default: null,
  },
  post_fork: {
    summary: "Called with the server and a worker in the worker, once it is forked.",
    validate: hook(2),
    default: null,
  },
  post_worker_init: {
    summary: "Called with a worker in the worker, once the application is imported.",
    validate: hook(1),
    default: null,
  },
  worker_int: {
    summary: "Called with a worker in the worker when it gets INT or QUIT.",
    validate: hook(1),
    default: null,
  },
  worker_abort: {
    summary: "Called with a worker in the worker when it gets ABRT, as after a timeout.",
    validate: hook(1),
    default: null,
  },
  pre_exec: {
    summary: "Called with the server before a new one is started in its place (USR2).",
    validate: hook(1),
    default: null,
  },
  pre_request: {
    summary: "Called with a worker and a request in the worker, before the application is.",
    validate: hook(2),
    default: null,
  },
  post_request: {
    summary:
      "Called with a worker, a request and, where it takes them, the environ and the response, after the request.",
    validate: hook("post_request"),
    default: null,
  },
  child_exit: {
    summary: "Called with the server and a worker once the worker is gone.",
    validate: hook(2),
    default: null,
  },
  worker_exit: {
    summary: "Called with the server and a worker in the worker, before it leaves.",
    validate: hook(2),
    default: null,
  },
  nworkers_changed: {
    summary: "Called with the server, the new and the old number of workers when it changes.",
    validate: hook(3),
    default: null,
  },
  on_exit: {
    summary: "Called with the server at its end.",
    validate: hook(1),
    default: null,
  },
  ssl_context: {
    summary:
      "Called with the settings and a function that makes the default context; returns Python's SSLContext.",
    validate: hook(2),
    default: null,
    effect: { kind: "later", feature: "TLS" },
  },
});
