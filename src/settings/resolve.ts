/**
 * What the settings come to together: the checks that Gunicorn makes once everything is loaded, and the values
 * that are derived from the settings' texts.
 *
 * Rules: the order of the checks is Gunicorn's, so that of two mistakes the same one is reported. The file
 * system is read, never changed.
 *
 * Runs in: arbiter.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import type { StatsdSettings } from "../metrics/statsd.ts";
import { type BindAddress, parseBind, parseBinds } from "./addresses.ts";
import { checkEffects } from "./effects.ts";
import { launchDirectory } from "./launch-directory.ts";
import { DEFAULT_PROC_NAME } from "./process-naming.ts";
import type { PythonObject } from "./python-object.ts";
import { pythonRepr } from "./python-text.ts";
import { DEFAULT_REQUEST_HEAD } from "./security.ts";
import type { Origin } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import type { Settings } from "./table.ts";

export type WorkerClass = "sync" | "gthread";
export type LogLevel = "critical" | "error" | "warning" | "info" | "debug";

/** Named as `HeadRules` of the HTTP parser names them. */
export interface RequestLimits {
  /** Bytes; 0 is no limit. */
  readonly limit_request_line: number;
  readonly limit_request_fields: number;
  /** Bytes. */
  readonly limit_request_field_size: number;
  /** Bytes. */
  readonly limit_request_head: number;
}

/** Plain data that survives JSON. */
export interface Resolved {
  /** The application's URI. */
  readonly app: string;
  readonly workerClass: WorkerClass;
  /** What the log calls it: as it was named. */
  readonly workerClassName: string;
  readonly listen: readonly BindAddress[];
  /** `listen`, and the address of the health pages when they have one. */
  readonly listenAll: readonly BindAddress[];
  /** Binds that do not count, because a file descriptor is given: worth a warning. */
  readonly ignoredBinds: readonly BindAddress[];
  /** What `raw_env` adds to the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** What `pythonpath` puts in front of `sys.path`, absolute, in the order in which it is searched. */
  readonly pythonPath: readonly string[];
  /** The interpreter, absolute. Symbolic links are kept: a virtual environment is one. */
  readonly python: string;
  /** As the operator went there. */
  readonly launchDirectory: string;
  /** What the processes are named after. */
  readonly processName: string;
  readonly logLevel: LogLevel;
  readonly requestLimits: RequestLimits;
  /** Null: no metrics. */
  readonly statsd: StatsdSettings | null;
  /** What to say of settings that have no effect, a line each. */
  readonly notices: readonly string[];
}

/** Throws SettingsError. */
export function resolveSettings(settings: Settings, origin: Origin): Resolved {
  checkDirectory(settings.chdir);
  const app = settings.wsgi_app;
  if (app === null) throw new SettingsError("No application module specified.");
  const notices = checkEffects(settings, origin);
  const workerClass = resolveWorkerClass(settings);
  const { listen, ignored } = parseBinds(settings.bind);
  return {
    app,
    workerClass,
    workerClassName: workerClassName(settings, workerClass),
    listen,
    listenAll: settings.health_bind === null ? listen : [...listen, healthAddress(settings.health_bind)],
    ignoredBinds: ignored,
    environment: environment(settings),
    pythonPath: pythonPath(settings),
    python: findPython(settings.python, origin),
    launchDirectory: launchDirectory(origin),
    processName: processName(settings, app),
    logLevel: logLevel(settings),
    requestLimits: requestLimits(settings),
    statsd: statsd(settings),
    notices,
  };
}

function healthAddress(text: string): BindAddress {
  return { ...parseBind(text), isHealth: true };
}

/** `existingPath` has seen that something is there; Python's OSError says what else can be wrong. */
function checkDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SettingsError(`[Errno 20] Not a directory: ${pythonRepr(path)}`);
  }
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw new SettingsError(`[Errno 13] Permission denied: ${pythonRepr(path)}`);
  }
}

/** Workers that Gunicorn has and Tunicorn does not have yet. */
const LATER_WORKER_CLASSES: readonly string[] = ["gevent", "gevent_wsgi", "gevent_pywsgi", "tornado", "asgi"];

/** Gunicorn's own classes by their import paths, which say the same as the short names. */
const WORKER_CLASSES: Readonly<Record<string, WorkerClass>> = {
  sync: "sync",
  "gunicorn.workers.sync.SyncWorker": "sync",
  gthread: "gthread",
  "gunicorn.workers.gthread.ThreadWorker": "gthread",
};

/** Throws SettingsError. */
export function resolveWorkerClass({ worker_class, threads }: Settings): WorkerClass {
  const name = typeof worker_class === "string" ? worker_class : importPath(worker_class);
  const found = Object.hasOwn(WORKER_CLASSES, name) ? WORKER_CLASSES[name] : undefined;
  if (found !== undefined) return found === "sync" && threads > 1 ? "gthread" : found;
  if (LATER_WORKER_CLASSES.includes(name)) {
    throw new SettingsError(`worker class ${pythonRepr(name)} is not supported yet: choose sync or gthread`);
  }
  throw new SettingsError(`class uri ${pythonRepr(name)} invalid or not found: choose sync or gthread`);
}

function workerClassName({ worker_class, threads }: Settings, resolved: WorkerClass): string {
  if (typeof worker_class !== "string") return worker_class.callable?.name ?? worker_class.text;
  return threads > 1 && /^sync$|SyncWorker$/.test(worker_class) ? resolved : worker_class;
}

function importPath({ callable, text }: PythonObject): string {
  return callable === null ? text : `${callable.module}.${callable.name}`;
}

/** Throws SettingsError. */
export function environment({ raw_env }: Settings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    raw_env.map((entry) => {
      const equals = entry.indexOf("=");
      if (equals === -1) throw new SettingsError(`environment setting ${pythonRepr(entry)} invalid`);
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** Gunicorn's default_proc_name is what the command line names, unless a configuration file says otherwise. */
function processName({ proc_name, default_proc_name }: Settings, app: string): string {
  const given = proc_name ?? default_proc_name;
  return given === null || given === DEFAULT_PROC_NAME ? app : given;
}

/** Gunicorn puts each in front of the one before, so the last is searched first. */
export function pythonPath({ pythonpath, chdir }: Settings): readonly string[] {
  if (!pythonpath) return [];
  const directories = pythonpath.split(",").map((directory) => resolve(chdir, directory.trim()));
  return [...new Set(directories)].reverse();
}

const LOG_LEVELS: readonly LogLevel[] = ["critical", "error", "warning", "info", "debug"];

/** What is no level is info, as in Gunicorn. */
export function logLevel({ loglevel }: Settings): LogLevel {
  return LOG_LEVELS.find((level) => level === loglevel.toLowerCase()) ?? "info";
}

/** Throws SettingsError. */
export function statsd({ statsd_host, statsd_prefix, dogstatsd_tags }: Settings): StatsdSettings | null {
  if (statsd_host === null) return null;
  if (statsd_host.kind !== "tcp") {
    throw new SettingsError("statsd_host cannot be a Unix socket: Node.js has no datagrams on them");
  }
  const { host, port } = statsd_host;
  const prefix = statsd_prefix ? statsd_prefix.replace(/\.*$/, ".") : "";
  return { host, port, prefix, tags: dogstatsd_tags ? `|#${dogstatsd_tags}` : "" };
}

const MAX_REQUEST_LINE = 8190;
const MAX_REQUEST_FIELDS = 32768;
const DEFAULT_REQUEST_LINE = 4094;
const DEFAULT_REQUEST_FIELDS = 100;
const DEFAULT_FIELD_SIZE = 8190;
const CRLF_BYTES = 2;
/** What the gateway takes for no limit, as Gunicorn's C parser does (gateway/http1/request-line.ts). */
const ENDLESS_REQUEST_LINE = 1024 * 1024;

export function requestLimits(settings: Settings): RequestLimits {
  const fields = settings.limit_request_fields;
  const limits = {
    limit_request_line: Math.min(settings.limit_request_line, MAX_REQUEST_LINE),
    limit_request_fields: fields === 0 ? MAX_REQUEST_FIELDS : Math.min(fields, MAX_REQUEST_FIELDS),
    limit_request_field_size: settings.limit_request_field_size || DEFAULT_FIELD_SIZE,
  };
  return { ...limits, limit_request_head: requestHeadLimit(settings.limit_request_head, limits) };
}

/**
 * An operator who raises one of Gunicorn's limits wants larger heads, and has not heard of ours: so the default never refuses
 * what a raised limit permits. A value of its own always counts.
 */
function requestHeadLimit(given: number, limits: Omit<RequestLimits, "limit_request_head">): number {
  const line = limits.limit_request_line || ENDLESS_REQUEST_LINE;
  const isRaised =
    line > DEFAULT_REQUEST_LINE ||
    limits.limit_request_fields > DEFAULT_REQUEST_FIELDS ||
    limits.limit_request_field_size > DEFAULT_FIELD_SIZE;
  // An empty line may stand in front, and one stands at the end.
  const permitted = line + limits.limit_request_fields * limits.limit_request_field_size + 3 * CRLF_BYTES;
  if (given === 0) return permitted;
  return given === DEFAULT_REQUEST_HEAD && isRaised ? Math.max(given, permitted) : given;
}

/** Throws SettingsError. */
export function findPython(python: string, { env, cwd }: Origin): string {
  const directories = python.includes("/") ? ["."] : (env.PATH ?? "").split(delimiter);
  const found = directories.map((directory) => resolve(cwd, directory, python)).find(isProgram);
  if (found === undefined) throw new SettingsError(`can't find the Python interpreter ${pythonRepr(python)}`);
  return found;
}

/** What cannot be looked at (a directory on PATH that is closed to this user) holds no program. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
