/**
 * What arbiter and zygote tell each other: one JSON object a line (python/tunicorn/control.py). Orders are imperative,
 * reports past tense.
 *
 * Runs in: arbiter.
 */

import type { StatsdSettings } from "../metrics/statsd.ts";
import type { FileValue } from "../settings/configuration.ts";

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
  readonly errorlog: string;
  readonly loglevel: string;
  readonly capture_output: boolean;
  readonly statsd: StatsdSettings | null;
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
  | { readonly type: "kill"; readonly pid: number; readonly signal: number };

export type ZygoteReport =
  | { readonly type: "hello"; readonly pid: number; readonly python: string }
  | { readonly type: "configured"; readonly values: readonly FileValue[] }
  /** What to write to standard error, and the code to leave with. */
  | { readonly type: "configuration-failed"; readonly text: string; readonly code: number }
  /** The FIFO exists, and with --preload the application is imported. */
  | { readonly type: "prepared"; readonly python: string }
  /** A hook of the master has raised; the log has told. `age`: of the worker that is not forked for it. */
  | { readonly type: "hook-failed"; readonly name: string; readonly age?: number }
  | { readonly type: "forked"; readonly age: number; readonly pid: number }
  | { readonly type: "fork-failed"; readonly age: number; readonly error: string }
  | { readonly type: "ready"; readonly pid: number }
  /** `signal` is 0 when it exited by itself. */
  | {
      readonly type: "exited";
      readonly age: number;
      readonly pid: number;
      readonly code: number;
      readonly signal: number;
    };
