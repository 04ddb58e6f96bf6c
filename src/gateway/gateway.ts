/**
 * A gateway: accepts clients on the arbiter's listeners, and puts their requests into the queue.
 *
 * Runs in: gateway.
 */
import type { Server } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import { Contradiction, guarded, reportFault } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { LogSettings } from "../logging/log-settings.ts";
import type { Logs } from "../logging/logs.ts";
import type { Statsd } from "../metrics/statsd.ts";
import type { GatewaySettings, ListenerInfo, UnfinishedWork } from "../queue/gateway-messages.ts";
import { repliesFile } from "../queue/layout.ts";
import { readMarshalDict } from "../queue/marshal-reader.ts";
import { RunningClock } from "../running-clock.ts";
import { BusyPoll } from "./busy-poll.ts";
import { ClientConnection } from "./client-connection.ts";
import { monotonicMs } from "./clock.ts";
import { connectionLimit, maybeTooLow, streamLimit } from "./connection-limit.ts";
import { Dispatcher, type QueueBounds } from "./dispatcher.ts";
import { EnvironWriter } from "./environ.ts";
import type { HttpExchange } from "./exchange.ts";
import { ForwardedPolicy } from "./forwarded.ts";
import { type FrequentLine, type FrequentLines, frequentLines } from "./frequent-lines.ts";
import { HealthPages } from "./health-pages.ts";
import { HeldBytes } from "./held-bytes.ts";
import { forbiddenProxyRequest } from "./http1/protocol-error.ts";
import type { HeadRules, RequestHead } from "./http1/request-head.ts";
import type { OutboxEvents } from "./outbox.ts";
import { PeerList } from "./peer-list.ts";
import { ProxyHeaderReader } from "./proxy-protocol.ts";
import type { RealIpHeader } from "./real-ip.ts";
import type { BodyStorage } from "./request-body.ts";
import { RequestLog } from "./request-log.ts";
import { createSocketServer, type OpenSocket } from "./socket-server.ts";
import { type WorkerStream, WorkerStreams } from "./worker-stream.ts";

/** How exactly deadlines of idle and slow clients are kept, ms. One look at all of them costs less than timers. */
const SWEEP_MS = 250;

/** What unfinished heads may hold together: 512 of the largest, thousands of usual ones. Less where the heap is small. */
const HELD_HEADS_BYTES = 64 * 1024 * 1024;
/** Of V8's limit on the heap, what unfinished requests may hold; the limit is 192 MB above --max-old-space-size. */
const HELD_SHARE = 1 / 8;

export interface GatewayListener {
  readonly info: ListenerInfo;
  readonly server: Server;
}

export interface GatewayEvents {
  /** It has room for clients again, and wants its listeners back. */
  onRoom(): void;
  /** A worker has sent what is no reply; its stream is closed. `fault` is to be read after "sent". */
  onBadFrame(age: number, pid: number, fault: string): void;
}

export class Gateway {
  readonly log: ErrorLog;
  readonly policy: ForwardedPolicy;
  readonly headRules: HeadRules;
  readonly real_ip_header: RealIpHeader;
  /** Bytes. */
  readonly limit_request_body: number;
  readonly keepaliveMs: number;
  /** These are infinite when they are switched off. */
  readonly headerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly nextSpoolPath: () => string;
  readonly maybeReserve: BodyStorage["maybeReserve"];
  readonly outboxEvents: OutboxEvents;
  /** What connections hold of heads that are not complete. */
  readonly heldHeads: HeldBytes;
  /** And of requests whose bodies are not complete, or that were sent ahead. */
  readonly heldBodies: HeldBytes;
  readonly #clock = new RunningClock(SWEEP_MS, monotonicMs());
  readonly #proxies: PeerList;
  readonly #settings: GatewaySettings;
  readonly #runDirectory: string;
  readonly #age: number;
  readonly #environ = new EnvironWriter();
  readonly #connections = new Set<ClientConnection>();
  #listeners: GatewayListener[] = [];
  #connectionLimit: number;
  readonly #events: GatewayEvents;
  /** Does not accept, until connections have closed. */
  #isFull = false;
  readonly #logs: Logs;
  readonly #requestLog: RequestLog;
  readonly #healthPages: HealthPages | null;
  /** Of workers that claim. */
  #threads = 0;
  #dispatcher: Dispatcher | null = null;
  #streams: WorkerStreams | null = null;
  #onDrained: (() => void) | null = null;
  /** It accepts still, perhaps, but keeps no connection. */
  #isLeaving = false;
  readonly #frequent: FrequentLines;

  constructor(
    settings: GatewaySettings,
    age: number,
    runDirectory: string,
    spoolDirectory: string,
    logs: Logs,
    statsd: Statsd | null,
    events: GatewayEvents,
  ) {
    this.#settings = settings;
    this.#age = age;
    this.#runDirectory = runDirectory;
    const log = logs.error;
    this.log = log;
    this.#events = events;
    this.#connectionLimit = connectionLimit(settings.max_connections, 0);
    this.#logs = logs;
    this.#frequent = frequentLines(log);
    this.#requestLog = new RequestLog(settings, logs, statsd);
    this.policy = new ForwardedPolicy(settings);
    this.#healthPages = settings.health === null ? null : new HealthPages(settings.health);
    this.#proxies = new PeerList(settings.proxy_allow_ips);
    this.headRules = settings;
    this.real_ip_header = settings.real_ip_header;
    this.limit_request_body = settings.limit_request_body || Number.POSITIVE_INFINITY;
    this.keepaliveMs = settings.keepalive * 1e3;
    this.headerTimeoutMs = settings.header_timeout * 1e3 || Number.POSITIVE_INFINITY;
    this.bodyTimeoutMs = settings.body_timeout * 1e3 || Number.POSITIVE_INFINITY;
    this.writeTimeoutMs = settings.write_timeout * 1e3 || Number.POSITIVE_INFINITY;
    const share = getHeapStatistics().heap_size_limit * HELD_SHARE;
    // One request is never too much.
    const oneRequest = 4 * settings.limit_request_head;
    this.heldHeads = new HeldBytes(Math.max(oneRequest, Math.min(HELD_HEADS_BYTES, share)));
    this.heldBodies = new HeldBytes(Math.max(oneRequest, share));
    let spooled = 0;
    this.nextSpoolPath = () => join(spoolDirectory, `${age}-${++spooled}`);
    this.maybeReserve = (bytes) => this.#queue.maybeReserve(bytes);
    this.outboxEvents = {
      spoolPath: this.nextSpoolPath,
      onSpoolError: (error) =>
        this.logOften(
          "notSpooled",
          `Response not spooled: ${error.message}. A slow client holds its worker.`,
        ),
    };
    // After what has arrived is read: a machine that had no time for us must not cost a client its time.
    setInterval(
      () => setImmediate(() => guarded(log, "looking after clients", () => this.#sweep())),
      SWEEP_MS,
    );
  }

  /** The FIFO exists: creates the arena, and listens for workers. `onReady`: workers can reply from now on. */
  openQueue(onReady: () => void): void {
    const { max_queue, queue_timeout, gateways, busy_poll } = this.#settings;
    const bounds: QueueBounds = {
      length: Math.ceil(max_queue / gateways) || Number.POSITIVE_INFINITY,
      ageMs: queue_timeout * 1e3 || Number.POSITIVE_INFINITY,
    };
    const busyPoll = new BusyPoll(busy_poll / 1e3, availableParallelism() - gateways);
    const dispatcher = new Dispatcher(this.#runDirectory, this.#age, bounds, busyPoll);
    this.#dispatcher = dispatcher;
    this.#streams = new WorkerStreams(join(this.#runDirectory, repliesFile(this.#age)), dispatcher, {
      onListening: onReady,
      onRefused: (stream, fault) => this.#onRefusedStream(stream, fault),
      onFault: (error) => this.onFault("reading a worker's reply", error),
      onAcceptError: (code) => this.#onAcceptError("a worker", code),
    });
  }

  #onRefusedStream({ age, pid }: WorkerStream, fault: string): void {
    if (pid !== 0) this.#events.onBadFrame(age, pid, fault);
    else
      this.log.warning(`A process that has not said which worker it is sent ${fault}; its stream is closed`);
  }

  #onAcceptError(whom: string, code: string): void {
    this.logOften("notAccepted", `Cannot accept a connection of ${whom}: ${code}`);
  }

  /** Accepts clients on a bound handle; again after `onRoom`. The callbacks are called once, one of them. */
  listen(
    handle: unknown,
    info: ListenerInfo,
    onListening: () => void,
    onError: (error: Error) => void,
  ): void {
    const accept = (open: OpenSocket): void => {
      this.#connections.add(new ClientConnection(this, listener, open));
      if (this.#connections.size >= this.#connectionLimit) this.#stopAccepting();
    };
    const server = createSocketServer(true, accept, {
      onFault: (error) => this.onFault("accepting a client", error),
      onAcceptError: (code) => this.#onAcceptError("a client", code),
    });
    const listener: GatewayListener = { info, server };
    server.once("error", onError);
    server.listen(handle, this.#settings.backlog, () => {
      server.off("error", onError);
      onListening();
    });
    if (this.#isFull) {
      // Another listener's clients were faster. It is given again with the others.
      server.close();
      onListening();
      return;
    }
    this.#listeners.push(listener);
  }

  /** An error that nobody expected, while one thing was handled. Throws a Contradiction again. */
  onFault(what: string, error: unknown): void {
    reportFault(this.log, what, error);
  }

  /** A spool file stays until the instance ends, or the next one begins. */
  readonly onNotDeleted = (error: Error): void => {
    this.logOften("notDeleted", `Spool file not deleted: ${error.message}`);
  };

  get keepsAlive(): boolean {
    return this.keepaliveMs > 0 && !this.#isLeaving;
  }

  get hasHealthPages(): boolean {
    return this.#healthPages !== null;
  }

  /** The whole response to a request for one; null when the application is to answer. */
  maybeHealthPage(head: RequestHead, listener: ListenerInfo): Buffer | null {
    const obstacle = this.#isLeaving
      ? "the server is leaving"
      : this.#threads === 0
        ? "no worker is ready"
        : null;
    return this.#healthPages?.maybeAnswer(head, listener, obstacle) ?? null;
  }

  /** For a new connection; null when nothing comes in front of its requests. */
  proxyHeaderReader(listener: ListenerInfo, address: string): ProxyHeaderReader | null {
    const { proxy_protocol } = this.#settings;
    if (proxy_protocol === "off") return null;
    return new ProxyHeaderReader(proxy_protocol, () => {
      if (listener.kind === "tcp" && !this.#proxies.includes(address)) throw forbiddenProxyRequest(address);
    });
  }

  // -- requests ---------------------------------------------------------------------------------------------

  dispatch(exchange: HttpExchange, listener: ListenerInfo, connectionPart: Uint8Array): void {
    const environ = this.#environ.write(exchange.head, listener, connectionPart, exchange.provenance);
    const { kind, record, place } = exchange.body;
    const isTaken = this.#queue.enqueue(exchange, environ, kind, record, place);
    if (!isTaken) exchange.onNotClaimed();
  }

  withdrawIfUnclaimed(exchange: HttpExchange, onWithdrawn: () => void): void {
    this.#queue.withdrawIfUnclaimed(exchange, onWithdrawn);
  }

  withdraw(exchange: HttpExchange): void {
    this.#queue.withdraw(exchange);
  }

  noteEnded(exchange: HttpExchange): void {
    this.#queue.noteEnded(exchange);
  }

  /** What clients or a disk can cause at any rate: one line a second of each kind at most. */
  logOften(kind: FrequentLine, message: string): void {
    this.#frequent[kind].log(monotonicMs(), message);
  }

  logAccess(exchange: HttpExchange): void {
    this.#requestLog.add(exchange);
  }

  /** The environ once more, as the application got it. */
  environOf(
    exchange: HttpExchange,
    listener: ListenerInfo,
    connectionPart: Uint8Array,
  ): ReadonlyMap<string, string> {
    return readMarshalDict(this.#environ.write(exchange.head, listener, connectionPart, exchange.provenance));
  }

  get #queue(): Dispatcher {
    if (this.#dispatcher === null) throw new Contradiction("a client before the queue was open");
    return this.#dispatcher;
  }

  // -- orders of the arbiter --------------------------------------------------------------------------------

  setCapacity(threads: number): void {
    this.#threads = threads;
    this.#connectionLimit = connectionLimit(this.#settings.max_connections, threads);
    if (this.#streams !== null) this.#streams.limit = streamLimit(this.#connectionLimit);
    const tooLow = maybeTooLow(threads);
    if (tooLow !== null) {
      this.log.warning(
        `${tooLow} open files are few for ${threads} worker threads beside clients: the gateway serves ${this.#connectionLimit} connections at a time. Raise the limit (ulimit -n)`,
      );
    }
    // The others' requests need workers too.
    this.#queue.capacity = Math.ceil(threads / this.#settings.gateways);
  }

  forgetWorker(pid: number, reason: string, work: readonly UnfinishedWork[]): void {
    this.#streams?.whenClosed(pid, () => this.#queue.forgetWorker(pid, reason, work));
  }

  timeOut(ticket: number, ranMs: number, pid: number): void {
    this.#queue.timeOut(ticket, ranMs, pid);
  }

  describe(tickets: readonly number[]): (string | null)[] {
    return tickets.map((ticket) => this.#dispatcher?.maybeRequestLine(ticket) ?? null);
  }

  reopenLogs(): void {
    this.log.reopen();
    this.#requestLog.reopen();
  }

  /** The settings and the log process of a new generation. */
  setLogs(settings: LogSettings, path: string | null): void {
    this.#logs.change(settings, path);
    this.#requestLog.change(settings);
  }

  /** Accepts still, but each response is the last on its connection, so that clients go elsewhere. */
  announceLeaving(): void {
    this.#isLeaving = true;
  }

  /** Stops accepting, finishes every request that has begun, then calls back. */
  drain(onDrained: () => void): void {
    if (this.#onDrained !== null) return;
    this.#onDrained = onDrained;
    this.#isLeaving = true;
    for (const { server } of this.#listeners) server.close();
    for (const connection of this.#connections) guarded(this.log, "draining", () => connection.drain());
    this.#checkDrained();
  }

  /**
   * Clients wait in the system's backlog then, and are served when there is room: no bytes of theirs are held, and
   * other gateways may take them. Refusing them with 503 would take a connection for each. Node cannot pause a listener, so it
   * is closed; the arbiter, which keeps the address, gives another.
   */
  #stopAccepting(): void {
    this.#isFull = true;
    for (const { server } of this.#listeners) server.close();
    this.#listeners = [];
    const state = `All ${this.#connectionLimit} connections of the gateway are in use; more clients wait`;
    this.logOften("full", state);
  }

  onClosed(connection: ClientConnection): void {
    this.#connections.delete(connection);
    // A sixteenth, so that not every connection that closes makes the arbiter send listeners.
    const roomAt = this.#connectionLimit - (this.#connectionLimit >> 4);
    if (this.#isFull && this.#onDrained === null && this.#connections.size < roomAt) {
      this.#isFull = false;
      this.#events.onRoom();
    }
    this.#checkDrained();
  }

  /** Before the process ends: calls back when the access log is written. */
  close(onClosed: () => void): void {
    const close = (): void => {
      guarded(this.log, "closing the queue", () => this.#dispatcher?.close());
      onClosed();
    };
    for (const lines of Object.values(this.#frequent)) lines.flush();
    this.#requestLog.end(() => this.#logs.end(close));
  }

  #checkDrained(): void {
    if (this.#onDrained === null || this.#connections.size > 0) return;
    this.#onDrained();
  }

  #sweep(): void {
    const now = monotonicMs();
    const stoppedMs = this.#clock.look(now);
    for (const connection of this.#connections) {
      if (stoppedMs > 0) connection.postpone(stoppedMs);
      connection.sweep(now);
    }
    this.#streams?.sweep();
    this.#dispatcher?.sweep(now);
    for (const lines of Object.values(this.#frequent)) lines.sweep(now);
  }
}
