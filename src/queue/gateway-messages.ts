/**
 * What arbiter and gateway tell each other over Node's IPC channel. Orders are imperative, reports past tense.
 *
 * Runs in: arbiter, gateway.
 */

import type { Identity } from "../identity.ts";
import type { LogSettings } from "../logging/log-settings.ts";

/** What a gateway needs of the settings; names and units are Gunicorn's (times in seconds). */
export interface GatewaySettings extends LogSettings {
  readonly keepalive: number;
  readonly backlog: number;
  /** How many there are. */
  readonly gateways: number;
  readonly limit_request_line: number;
  readonly limit_request_fields: number;
  readonly limit_request_field_size: number;
  /** Bytes. */
  readonly limit_request_head: number;
  readonly limit_request_body: number;
  readonly permit_obsolete_folding: boolean;
  readonly strip_header_spaces: boolean;
  readonly permit_unconventional_http_method: boolean;
  readonly permit_unconventional_http_version: boolean;
  readonly casefold_http_method: boolean;
  readonly max_connections: number;
  readonly header_timeout: number;
  readonly body_timeout: number;
  readonly write_timeout: number;
  readonly max_queue: number;
  readonly queue_timeout: number;
  /** Microseconds. */
  readonly busy_poll: number;
  readonly forwarded_allow_ips: readonly string[];
  readonly secure_scheme_headers: Readonly<Record<string, string>>;
  readonly forwarder_headers: readonly string[];
  readonly header_map: string;
  readonly real_ip_header: "" | "x-forwarded-for" | "forwarded";
  readonly proxy_protocol: "off" | "v1" | "v2" | "auto";
  /** Null: there are no such pages. */
  readonly health: HealthSettings | null;
  readonly proxy_allow_ips: readonly string[];
  /** `os.environ["SCRIPT_NAME"]` as the application will see it. */
  readonly script_name: string;
}

/** Null is the path of a page that is not there. */
export interface HealthSettings {
  readonly live: string | null;
  readonly ready: string | null;
  /** They are at an address of their own, and only there. */
  readonly isSeparate: boolean;
}

/** A listening socket, as the environ and the log name it. */
export interface ListenerInfo {
  readonly kind: "tcp" | "unix";
  /** TCP: SERVER_NAME; Unix: the path. */
  readonly host: string;
  /** TCP: SERVER_PORT; Unix: 0. */
  readonly port: number;
  /** Only health pages are there. */
  readonly isHealth?: true;
}

/** The latest ticket of a thread of a dead worker: it may be answered already. `ranMs`: since it was claimed. */
export interface UnfinishedWork {
  readonly gateway: number;
  readonly ticket: number;
  readonly ranMs: number;
}

export type GatewayOrder =
  | {
      readonly type: "start";
      readonly age: number;
      readonly runDirectory: string;
      readonly spoolDirectory: string;
      /** Null: it stays the user that it is. */
      readonly identity: Identity | null;
      readonly processName: string;
      readonly settings: GatewaySettings;
    }
  /** Say at once that you are there. */
  | { readonly type: "answer" }
  /** The FIFO exists now. */
  | { readonly type: "open-queue" }
  /** Sent with the bound handle. */
  | { readonly type: "listen"; readonly index: number; readonly listener: ListenerInfo }
  /** How many worker threads claim tickets now. */
  | { readonly type: "set-capacity"; readonly threads: number }
  | {
      readonly type: "forget-worker";
      readonly age: number;
      readonly pid: number;
      /** "was killed by SIGKILL", "exited with code 1" */
      readonly reason: string;
      readonly work: readonly UnfinishedWork[];
    }
  /** The request ran past `timeout`: answer 504. */
  | { readonly type: "time-out"; readonly ticket: number; readonly pid: number; readonly ranMs: number }
  /** Report the request lines of these tickets. `nr` comes back. */
  | { readonly type: "describe"; readonly nr: number; readonly tickets: readonly number[] }
  | { readonly type: "reopen-logs" }
  /** The log process listens at `path`; `settings` are those of its generation. */
  | { readonly type: "set-logs"; readonly settings: LogSettings; readonly path: string | null }
  /** Accept still, but say `Connection: close` on every response (`drain_delay`). */
  | { readonly type: "announce-leaving" }
  /** Stop accepting, finish what is begun, then leave. */
  | { readonly type: "drain" };

export type GatewayReport =
  /** Null for a ticket that is answered already. */
  | { readonly type: "described"; readonly nr: number; readonly requests: readonly (string | null)[] }
  | { readonly type: "started" }
  | { readonly type: "answered" }
  | { readonly type: "listening"; readonly index: number }
  /** It had stopped to accept, being full, and wants its listeners again. */
  | { readonly type: "had-room" }
  /** The worker is out of step with the protocol. `fault` is to be read after "sent". */
  | { readonly type: "bad-frame"; readonly age: number; readonly pid: number; readonly fault: string }
  | {
      readonly type: "listen-failed";
      readonly index: number;
      readonly code: string;
      readonly message: string;
    };
