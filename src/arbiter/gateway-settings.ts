/**
 * What of the settings the gateways are told, and what of those for logs the other processes.
 *
 * Runs in: arbiter.
 */
import { availableParallelism } from "node:os";
import type { LogSettings } from "../logging/log-settings.ts";
import type { GatewaySettings, HealthSettings } from "../queue/gateway-messages.ts";
import type { Loaded } from "../settings/load.ts";
import { PythonObject } from "../settings/python-object.ts";
import type { Settings } from "../settings/table.ts";
import type { PythonLogSettings } from "./zygote-messages.ts";

export function logSettings({ settings, resolved }: Pick<Loaded, "settings" | "resolved">): LogSettings {
  const { logger_class, logconfig, logconfig_json, logconfig_dict, syslog } = settings;
  const isConfigured =
    logconfig !== null || logconfig_json !== null || Object.keys(logconfig_dict).length > 0;
  const toSyslog = syslog && !settings.disable_redirect_access_to_syslog;
  const isOwnClass = isCustomLogger(logger_class);
  return {
    accesslog: settings.accesslog,
    access_log_format: settings.access_log_format,
    access_log_exclude: settings.access_log_exclude,
    errorlog: settings.errorlog,
    loglevel: settings.loglevel,
    // As in Gunicorn, whose StatsD is a logger class too.
    statsd: isOwnClass ? null : resolved.statsd,
    log_process: isConfigured || syslog || isOwnClass,
    access_records: isConfigured || toSyslog || isOwnClass || settings.accesslog !== null,
  };
}

/** Gunicorn's own classes, by any name: what they do is done here. */
const STANDARD_LOGGERS: readonly unknown[] = [
  "simple",
  "gunicorn.glogging.Logger",
  "gunicorn.instrument.statsd.Statsd",
];

function isCustomLogger(loggerClass: Settings["logger_class"]): boolean {
  const { callable } = loggerClass instanceof PythonObject ? loggerClass : { callable: null };
  const name = callable === null ? loggerClass : `${callable.module}.${callable.name}`;
  return !STANDARD_LOGGERS.includes(name);
}

/** True stands for the class in the configuration file, which Python has. */
function loggerClassForPython(loggerClass: Settings["logger_class"]): string | true | null {
  if (!isCustomLogger(loggerClass)) return null;
  return loggerClass instanceof PythonObject ? true : loggerClass;
}

/** For python/tunicorn/log_configuration.py. */
export function pythonLogSettings(loaded: Pick<Loaded, "settings" | "resolved">): PythonLogSettings {
  const { settings, resolved } = loaded;
  const { log_process, ...log } = logSettings(loaded);
  return {
    ...log,
    is_custom: log_process,
    logger_class: loggerClassForPython(settings.logger_class),
    logconfig: settings.logconfig,
    logconfig_json: settings.logconfig_json,
    logconfig_dict: settings.logconfig_dict,
    capture_output: settings.capture_output,
    syslog: settings.syslog,
    syslog_addr: settings.syslog_addr,
    syslog_prefix: settings.syslog_prefix,
    syslog_facility: settings.syslog_facility,
    disable_redirect_access_to_syslog: settings.disable_redirect_access_to_syslog,
    proc_name: resolved.processName,
  };
}

/** As orchestrators have it in their examples. */
const HEALTH_PATHS = { live: "/healthz", ready: "/readyz" };

function healthSettings({ health_path, readiness_path, health_bind }: Settings): HealthSettings | null {
  if (health_bind !== null) {
    return {
      live: health_path ?? HEALTH_PATHS.live,
      ready: readiness_path ?? HEALTH_PATHS.ready,
      isSeparate: true,
    };
  }
  return health_path === null && readiness_path === null
    ? null
    : { live: health_path, ready: readiness_path, isSeparate: false };
}

export function gatewaySettings({ settings, resolved }: Loaded): GatewaySettings {
  return {
    keepalive: settings.keepalive,
    backlog: settings.backlog,
    gateways: settings.gateways === "auto" ? Math.ceil(availableParallelism() / 8) : settings.gateways,
    limit_request_line: resolved.requestLimits.limit_request_line,
    limit_request_fields: resolved.requestLimits.limit_request_fields,
    limit_request_field_size: resolved.requestLimits.limit_request_field_size,
    limit_request_head: resolved.requestLimits.limit_request_head,
    limit_request_body: settings.limit_request_body,
    permit_obsolete_folding: settings.permit_obsolete_folding,
    strip_header_spaces: settings.strip_header_spaces,
    permit_unconventional_http_method: settings.permit_unconventional_http_method,
    permit_unconventional_http_version: settings.permit_unconventional_http_version,
    casefold_http_method: settings.casefold_http_method,
    max_connections: settings.max_connections,
    header_timeout: settings.header_timeout,
    body_timeout: settings.body_timeout,
    write_timeout: settings.write_timeout,
    max_queue: settings.max_queue,
    queue_timeout: settings.queue_timeout,
    busy_poll: settings.busy_poll,
    forwarded_allow_ips: settings.forwarded_allow_ips,
    secure_scheme_headers: settings.secure_scheme_headers,
    forwarder_headers: settings.forwarder_headers,
    header_map: settings.header_map,
    real_ip_header: settings.real_ip_header,
    proxy_protocol: settings.proxy_protocol,
    health: healthSettings(settings),
    proxy_allow_ips: settings.proxy_allow_ips,
    ...logSettings({ settings, resolved }),
    script_name: resolved.environment.SCRIPT_NAME ?? process.env.SCRIPT_NAME ?? "",
  };
}
