/**
 * What the arbiter measures now and then: the number of workers, told when it has changed, and with
 * `enable_backlog_metric` the connections that wait to be accepted.
 *
 * Runs in: arbiter.
 */
import type { Logs } from "../logging/logs.ts";
import type { Statsd } from "../metrics/statsd.ts";
import { maybeBacklog } from "./backlog.ts";
import type { Listener } from "./listeners.ts";

/** As often as Gunicorn's master looks around, ms. */
const INTERVAL_MS = 1000;

export interface MeasurementOptions {
  readonly logs: Logs;
  readonly statsd: Statsd | null;
  readonly listeners: readonly Listener[];
  readonly loaded: { readonly settings: { readonly enable_backlog_metric: boolean } };
}

export function measureRegularly(
  { logs, statsd, listeners, loaded }: MeasurementOptions,
  workers: { readonly size: number },
): void {
  let lastWorkers = 0;
  const measure = (): void => {
    const { size } = workers;
    if (size !== lastWorkers) {
      lastWorkers = size;
      logs.error.debug(`${size} workers`);
      statsd?.gauge("workers", size);
    }
    if (statsd === null || !loaded.settings.enable_backlog_metric) return;
    const backlog = maybeBacklog(listeners.map(({ info }) => info));
    if (backlog !== undefined) statsd.histogram("backlog", backlog);
  };
  setInterval(measure, INTERVAL_MS).unref();
}
