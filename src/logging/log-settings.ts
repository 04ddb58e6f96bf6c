/**
 * What arbiter and gateways need to know to write their logs; names are Gunicorn's. Plain data that survives JSON.
 *
 * Runs in: arbiter, gateway.
 */
import type { StatsdSettings } from "../metrics/statsd.ts";

export interface LogSettings {
  readonly accesslog: string | null;
  readonly access_log_format: string;
  readonly access_log_exclude: readonly string[];
  readonly errorlog: string;
  readonly loglevel: string;
  readonly statsd: StatsdSettings | null;
  /** Python emits the lines: they go to the log process. */
  readonly log_process: boolean;
  /** Whether Python may want to hear of requests. */
  readonly access_records: boolean;
}
