/**
 * What arbiter and zygote tell each other: one JSON object a line (python/tunicorn/control.py). Orders are imperative,
 * reports past tense.
 *
 * Runs in: arbiter.
 */

import type { LogSettings } from "../logging/log-settings.ts";
import type { FileValue } from "../settings/configuration.ts";

/** Mirrors what python/tunicorn/log_configuration.py reads. */
export interface PythonLogSettings extends Omit<LogSettings, "log_process"> {
  /** There is a log process. */
  readonly is_custom: boolean;
  /** Null: Gunicorn's own; true: the class that the configuration file has. */
  readonly logger_class: string | true | null;
  readonly logconfig: string | null;
  readonly logconfig_json: string | null;
  readonly logconfig_dict: Readonly<Record<string, unknown>>;
  readonly capture_output: boolean;
  readonly syslog: boolean;
  readonly syslog_addr: string | null;
  readonly syslog_prefix: string | null;
  readonly syslog_facility: string | null;
  readonly disable_redirect_access_to_syslog: boolean;
  readonly proc_name: string;
}

/** Mirrors python/tunicorn/settings.py. Gunicorn's names where it has them. */
export interface ZygoteSettings {
  readonly run_directory: string;
  readonly generation: number;
  readonly app_uri: string;
  readonly launch_directory: string;
  readonly chdir: string;
  readonly pythonpath: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workers: number;
  readonly threads: number;
  readonly multithread: boolean;
  readonly preload_app: boolean;
  readonly reload: boolean;
  readonly log: PythonLogSettings;
  readonly server_software: string;
  readonly uid: number;
  readonly gid: number;
  readonly initgroups: boolean;
  readonly process_name: string;
  /** For hooks: every setting that is plain data. */
  readonly cfg: Readonly<Record<string, unknown>>;
  readonly listeners: readonly string[];
  readonly occasion: Occasion;
  /** nworkers_changed is called with it. */
  readonly old_workers: number | null;
}

/** Why a zygote is started; a restart is that of one that died. */
export type Occasion = "start" | "reload" | "restart";

/** Hooks of the master that the arbiter has called. The others are called in their places by zygote and workers. */
export type MasterHook = "when_ready" | "on_exit" | "nworkers_changed" | "pre_exec";

export type ZygoteOrder =
  /** Execute the configuration file, before anything else. `arities` are those of the hooks. */
  | {
      readonly type: "configure";
      readonly location: string;
      readonly launch_directory: string;
      readonly names: readonly string[];
      readonly arities: Readonly<Record<string, number>>;
    }
  /** Import the application and leave (--check-config). */
  | { readonly type: "check"; readonly settings: ZygoteSettings }
  | { readonly type: "start"; readonly settings: ZygoteSettings }
  | { readonly type: "fork"; readonly age: number; readonly slot: number }
  | { readonly type: "hook"; readonly name: Exclude<MasterHook, "nworkers_changed"> }
  | {
      readonly type: "hook";
      readonly name: "nworkers_changed";
      readonly workers: number;
      readonly old_workers: number;
    }
  | { readonly type: "retire"; readonly pid: number }
  | { readonly type: "reopen-logs" }
  /** A request runs past its deadline: its thread gets a RequestTimeout. */
  | {
      readonly type: "interrupt";
      readonly pid: number;
      readonly slot: number;
      readonly gateway: number;
      readonly ticket: number;
    }
  /** The worker is to write its stacks, although no Python code may run in it. */
  | { readonly type: "write-stacks"; readonly pid: number }
  /** A gateway: the arbiter has not the system call for it. */
  | { readonly type: "run-as-batch"; readonly pid: number }
  | { readonly type: "kill"; readonly pid: number; readonly signal: number };

/** When it was modified, in seconds since the epoch; 0 when it is gone. */
export type ImportedFile = readonly [path: string, modified: number];

export type ZygoteReport =
  | { readonly type: "hello"; readonly pid: number; readonly python: string }
  | { readonly type: "configured"; readonly values: readonly FileValue[] }
  /** What to write to standard error, and the code to leave with. */
  | { readonly type: "configuration-failed"; readonly text: string; readonly code: number }
  /** Its log process listens at `path`. */
  | { readonly type: "log-opened"; readonly path: string }
  /** The FIFO exists, and with --preload the application is imported. */
  | { readonly type: "prepared"; readonly python: string }
  /** A hook of the master has raised; the log has told. `age`: of the worker that is not forked for it. */
  | { readonly type: "hook-failed"; readonly name: string; readonly age?: number }
  | { readonly type: "forked"; readonly age: number; readonly pid: number }
  | { readonly type: "fork-failed"; readonly age: number; readonly error: string }
  | { readonly type: "ready"; readonly pid: number }
  /** With --reload: where a worker's code is. Comes again when more is imported. */
  | { readonly type: "imported"; readonly pid: number; readonly files: readonly ImportedFile[] }
  /** With --reload: in the place of the application there is a page that shows why. */
  | { readonly type: "import-failed"; readonly pid: number; readonly time: number }
  /** `signal` is 0 when it exited by itself. */
  | {
      readonly type: "exited";
      readonly age: number;
      readonly pid: number;
      readonly code: number;
      readonly signal: number;
    };
