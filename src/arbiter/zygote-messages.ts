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
}

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
