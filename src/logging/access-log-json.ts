/**
 * A line of the access log as one JSON object, for `access_log_format = "json"`.
 *
 * The fields are documented in docs/logging.md. What is unknown is null, so every line has the same fields. Lines are pure
 * ASCII: JSON escapes quotes, backslashes and control characters, and what is not ASCII is escaped here.
 *
 * Runs in: gateway.
 */
import type { AccessRecord } from "./access-log.ts";
import { maybeBasicUser } from "./basic-user.ts";

const NOT_ASCII = /[\x7f-\uffff]/g;

export function jsonAccessLine(record: AccessRecord): string {
  const line = JSON.stringify({
    time: new Date().toISOString(),
    remote_addr: record.remoteAddress,
    user: maybeBasicUser(record.requestField("authorization")) ?? null,
    method: record.method,
    target: record.target,
    path: record.path,
    query: record.query,
    protocol: record.protocol,
    host: record.requestField("host") ?? null,
    status: record.status,
    bytes: record.bodyBytes,
    duration_ms: Math.trunc(record.durationMs * 1e3) / 1e3,
    referer: record.requestField("referer") ?? null,
    user_agent: record.requestField("user-agent") ?? null,
    queue_ms: Number.isNaN(record.queuedMs) ? null : Math.max(0, Math.trunc(record.queuedMs * 1e3) / 1e3),
    worker: record.workerAge || null,
    worker_pid: record.workerPid,
  });
  return line.replace(NOT_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
