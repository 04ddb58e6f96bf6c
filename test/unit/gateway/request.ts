/**
 * Requests and settings as the gateway's tests need them.
 */
import assert from "node:assert/strict";
import {
  DEFAULT_HEAD_RULES,
  type RequestHead,
  RequestHeadReader,
} from "../../../src/gateway/http1/request-head.ts";
import type { GatewaySettings } from "../../../src/queue/gateway-messages.ts";

/** The head of a request with these lines; latin-1. */
export function requestHead(requestLine: string, ...fieldLines: readonly string[]): RequestHead {
  const reader = new RequestHeadReader(DEFAULT_HEAD_RULES);
  const bytes = Buffer.from([requestLine, ...fieldLines, "", ""].join("\r\n"), "latin1");
  assert.equal(reader.read(bytes, 0), bytes.length);
  return reader.head;
}

/** Gunicorn's defaults. */
export function gatewaySettings(changes: Partial<GatewaySettings> = {}): GatewaySettings {
  return {
    ...DEFAULT_HEAD_RULES,
    keepalive: 2,
    backlog: 2048,
    gateways: 1,
    limit_request_body: 0,
    max_connections: 0,
    header_timeout: 30,
    body_timeout: 30,
    write_timeout: 60,
    max_queue: 0,
    queue_timeout: 0,
    busy_poll: 0,
    forwarded_allow_ips: ["127.0.0.1", "::1"],
    secure_scheme_headers: {
      "X-FORWARDED-PROTOCOL": "ssl",
      "X-FORWARDED-PROTO": "https",
      "X-FORWARDED-SSL": "on",
    },
    forwarder_headers: ["SCRIPT_NAME", "PATH_INFO"],
    header_map: "drop",
    real_ip_header: "",
    proxy_protocol: "off",
    health: null,
    proxy_allow_ips: ["127.0.0.1", "::1"],
    accesslog: null,
    access_log_format: "",
    access_log_exclude: [],
    errorlog: "-",
    loglevel: "info",
    statsd: null,
    log_process: false,
    access_records: false,
    script_name: "",
    ...changes,
  };
}
