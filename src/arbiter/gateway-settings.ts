/**
 * What of the settings the gateways are told.
 *
 * Runs in: arbiter.
 */
import type { GatewaySettings } from "../queue/gateway-messages.ts";
import type { Loaded } from "../settings/load.ts";

export function gatewaySettings({ settings, resolved }: Loaded): GatewaySettings {
  return {
    keepalive: settings.keepalive,
    backlog: settings.backlog,
    limit_request_line: resolved.requestLimits.limit_request_line,
    limit_request_fields: resolved.requestLimits.limit_request_fields,
    limit_request_field_size: resolved.requestLimits.limit_request_field_size,
    limit_request_body: settings.limit_request_body,
    permit_obsolete_folding: settings.permit_obsolete_folding,
    strip_header_spaces: settings.strip_header_spaces,
    permit_unconventional_http_method: settings.permit_unconventional_http_method,
    permit_unconventional_http_version: settings.permit_unconventional_http_version,
    casefold_http_method: settings.casefold_http_method,
    header_timeout: settings.header_timeout,
    body_timeout: settings.body_timeout,
    write_timeout: settings.write_timeout,
    max_queue: settings.max_queue,
    queue_timeout: settings.queue_timeout,
    forwarded_allow_ips: settings.forwarded_allow_ips,
    secure_scheme_headers: settings.secure_scheme_headers,
    forwarder_headers: settings.forwarder_headers,
    header_map: settings.header_map,
    real_ip_header: settings.real_ip_header,
    proxy_protocol: settings.proxy_protocol,
    proxy_allow_ips: settings.proxy_allow_ips,
    accesslog: settings.accesslog,
    access_log_format: settings.access_log_format,
    access_log_exclude: settings.access_log_exclude,
    errorlog: settings.errorlog ?? "-",
    loglevel: settings.loglevel,
    statsd: resolved.statsd,
    script_name: resolved.environment.SCRIPT_NAME ?? process.env.SCRIPT_NAME ?? "",
  };
}
