/**
 * The pages by which load balancers and orchestrators learn whether to send requests. No worker is asked: where all are
 * busy, or none is there, the answer comes just the same.
 *
 * Rules: GET and HEAD only, anything else is the application's; every answer closes the connection.
 *
 * Runs in: gateway.
 */
import type { HealthSettings, ListenerInfo } from "../queue/gateway-messages.ts";
import { reasonPhrase } from "./http1/error-page.ts";
import type { RequestHead } from "./http1/request-head.ts";

/** What keeps a server from serving; null: nothing. */
export type Obstacle = "no worker is ready" | "the server is leaving" | null;

export class HealthPages {
  readonly #settings: HealthSettings;

  constructor(settings: HealthSettings) {
    this.#settings = settings;
  }

  /** The whole response; null when the request is for the application. */
  maybeAnswer({ method, path }: RequestHead, { isHealth }: ListenerInfo, obstacle: Obstacle): Buffer | null {
    const { live, ready, isSeparate } = this.#settings;
    if (isSeparate && !isHealth) return null;
    if (method === "GET" || method === "HEAD") {
      if (path === live) return response(method, 200, "ok");
      if (path === ready && obstacle === null) return response(method, 200, "ready");
      if (path === ready) return response(method, 503, `not ready: ${obstacle}`);
    }
    return isHealth ? response(method, 404, "only health pages are here") : null;
  }
}

function response(method: string, status: number, text: string): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${reasonPhrase(status)}`,
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${text.length + 1}`,
    "Cache-Control: no-store",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${method === "HEAD" ? "" : `${text}\n`}`, "latin1");
}
