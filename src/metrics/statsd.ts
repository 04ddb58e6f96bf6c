/**
 * Metrics for a StatsD server: the names, the types and the very datagrams of Gunicorn, one metric each; and the time in the queue.
 *
 * Rules: nothing waits for the server or fails because of it. What cannot be sent is lost, as it is with UDP anyway.
 *
 * Runs in: arbiter, gateway.
 */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** Plain data that survives JSON. */
export interface StatsdSettings {
  readonly host: string;
  readonly port: number;
  /** With its dot. */
  readonly prefix: string;
  /** `|#…`, or nothing. */
  readonly tags: string;
}

/** Metrics before the host's name is known; more are dropped. */
const MAX_PENDING = 1000;

export class Statsd {
  readonly #prefix: string;
  readonly #tags: string;
  readonly #socket: Socket;
  /** Null once they can be sent at once. */
  #pending: string[] | null = [];

  constructor({ host, port, prefix, tags }: StatsdSettings) {
    this.#prefix = prefix;
    this.#tags = tags;
    this.#socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    // No server, or no such host: see the rules.
    this.#socket.on("error", () => {});
    this.#socket.on("connect", () => {
      const pending = this.#pending ?? [];
      this.#pending = null;
      for (const metric of pending) this.#send(metric);
    });
    this.#socket.connect(port, host);
    this.#socket.unref();
  }

  increment(name: string): void {
    this.#send(`gunicorn.${name}:1|c|@1.0`);
  }

  gauge(name: string, value: number): void {
    this.#send(`gunicorn.${name}:${value}|g`);
  }

  histogram(name: string, value: number): void {
    this.#send(`gunicorn.${name}:${value}|h`);
  }

  /** An answered request. `queuedMs`: how long it waited for a worker, NaN when none had it. */
  request(status: number, durationMs: number, queuedMs: number): void {
    this.#timing("request.duration", durationMs);
    if (!Number.isNaN(queuedMs)) this.#timing("request.queued", Math.max(0, queuedMs));
    this.increment("requests");
    this.increment(`request.status.${status}`);
  }

  #timing(name: string, ms: number): void {
    this.#send(`gunicorn.${name}:${pythonFloat(Math.trunc(ms * 1e3) / 1e3)}|ms`);
  }

  #send(metric: string): void {
    if (this.#pending === null) this.#socket.send(`${this.#prefix}${metric}${this.#tags}`, () => {});
    else if (this.#pending.length < MAX_PENDING) this.#pending.push(metric);
  }
}

const pythonFloat = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));
