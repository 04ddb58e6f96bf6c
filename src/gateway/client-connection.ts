/**
 * One client connection: reads a request head and body, hands it over, and is written the response to, again and again.
 *
 *   (proxy ──▶) head ──▶ body ──▶ reply ──▶ head …        and from anywhere: ──▶ lingering ──▶ closed
 *
 * Rules: one request at a time is with a worker; what a client sends ahead (pipelining) waits here, and when that is
 * much, the socket waits. What a request holds before it is complete is made known to the gateway, which may have it given
 * up. After a refused request nothing the client sends is read as a request again.
 *
 * Runs in: gateway.
 */
import type { Socket } from "node:net";
import { quoted } from "../logging/quoted.ts";
import { monotonicMs } from "./clock.ts";
import { EndedClient } from "./ended-client.ts";
import { type ClientSide, HttpExchange } from "./exchange.ts";
import { type FileFailure, FileSender } from "./file-sender.ts";
import type { Provenance } from "./forwarded.ts";
import type { FrequentLine } from "./frequent-lines.ts";
import type { Gateway, GatewayListener } from "./gateway.ts";
import type { OpenedFile } from "./handed-file.ts";
import type { Holder } from "./held-bytes.ts";
import { ChunkedReader } from "./http1/chunked-reader.ts";
import { errorResponse } from "./http1/error-page.ts";
import { KeptBytes } from "./http1/kept-bytes.ts";
import { ProtocolError } from "./http1/protocol-error.ts";
import { expectsContinue, requestFraming, wantsKeepAlive } from "./http1/request-framing.ts";
import { type RequestHead, RequestHeadReader } from "./http1/request-head.ts";
import { Outbox } from "./outbox.ts";
import { type Peer, proxiedPeer, requestPeer, socketPeer } from "./peer.ts";
import type { ProxyHeaderReader } from "./proxy-protocol.ts";
import { type BodyStorage, RequestBody } from "./request-body.ts";
import type { OpenSocket } from "./socket-server.ts";

/** How long an idle connection may still bring a request when the gateway leaves, ms. */
const DRAIN_IDLE_MS = 200;
/** How long a client that was told to go may take to do so, ms (RFC 9112 §9.6: a close that loses no response). */
const LINGER_MS = 2_000;
/** How long the request of a client that has ended its side may wait for a worker, ms. */
const ENDED_CLIENT_MS = 1_000;
/** Bytes of requests sent ahead before the socket waits. */
const AHEAD_BYTES = 64 * 1024;

/** About what a field takes besides its text, a line of its own in the heap. */
const FIELD_BYTES = 96;

/** All clients' bytes are read into it, one after the other: what is to be kept is copied. */
const READ_BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

/** Smaller chunks of one read are handed on together: each alone would cost more than its bytes. */
const SMALL_CHUNK_BYTES = 256;
const SMALL_CHUNKS = Buffer.allocUnsafeSlow(READ_BUFFER.length);
let smallChunksLength = 0;

const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

type State = "proxy" | "head" | "body" | "reply" | "lingering";

export class ClientConnection implements ClientSide, Holder {
  readonly #gateway: Gateway;
  readonly #listener: GatewayListener;
  readonly #socket: Socket;
  #peer: Peer;
  /** Whom the request in work is ascribed to: the peer, but where a proxy may name another. */
  #client: Peer;
  /** Of the PROXY header that comes first; null once it has been read, or when none is expected. */
  #proxyReader: ProxyHeaderReader | null;
  readonly #headReader: RequestHeadReader;
  readonly #outbox: Outbox;
  readonly #bodyStorage: BodyStorage;
  #state: State = "head";
  /** By when the client must have sent what it is waited for; monotonic. */
  #deadlineMs: number;
  /** Bytes the client has taken, and when that last changed. */
  #takenBytes = 0;
  #progressMs = monotonicMs();
  #exchange: HttpExchange | null = null;
  /** Body bytes still to come; -1: chunked. */
  #bodyRemaining = 0;
  #chunked: ChunkedReader | null = null;
  readonly #ahead = new KeptBytes();
  /** What was sent ahead had to be given up, so the response in work is the last. */
  #isAheadLost = false;
  /** Bytes, as the gateway knows them: of an unfinished head; of an unfinished body, or sent ahead. */
  #heldHead = 0;
  #heldBody = 0;
  #isReading = false;
  /** Has ended its side, which is how a client leaves, but it may also still read; null before. */
  #ended: EndedClient | null = null;

  constructor(gateway: Gateway, listener: GatewayListener, open: OpenSocket) {
    this.#gateway = gateway;
    this.#listener = listener;
    this.#deadlineMs = monotonicMs() + gateway.headerTimeoutMs;
    const socket = open({
      buffer: READ_BUFFER,
      callback: (length, bytes) => {
        try {
          this.#onData((bytes as Buffer).subarray(0, length));
        } catch (error) {
          this.#fail(error);
        }
        return true;
      },
    });
    this.#socket = socket;
    this.#peer = socketPeer(listener.info, socket, gateway.policy);
    this.#client = this.#peer;
    this.#proxyReader = gateway.proxyHeaderReader(listener.info, this.#peer.address);
    if (this.#proxyReader !== null) this.#state = "proxy";
    this.#headReader = new RequestHeadReader(gateway.headRules);
    this.#bodyStorage = {
      maybeReserve: gateway.maybeReserve,
      spoolPath: gateway.nextSpoolPath,
      onSpoolError: (error) => this.#onSpoolError(error),
      onNotDeleted: gateway.onNotDeleted,
    };
    this.#outbox = new Outbox(socket, gateway.outboxEvents);
    socket.on("end", () => this.#guard(() => this.#onEnd()));
    // "close" follows every error; a client that left is not one.
    socket.on("error", () => {});
    socket.on("close", () => this.#guard(() => this.#onClose()));
  }

  /** Idle: between two requests, nothing of the next one seen. */
  get isIdle(): boolean {
    if (this.#state === "proxy") return this.#proxyReader?.started !== true;
    return this.#state === "head" && !this.#headReader.started;
  }

  get remoteAddress(): string {
    return this.#client.address;
  }

  // -- reading ----------------------------------------------------------------------------------------------

  #onData(bytes: Buffer): void {
    if (this.#state === "reply") {
      this.#keepAhead(bytes);
      this.#tellHeld();
    } else if (this.#state !== "lingering") this.#read(bytes);
  }

  #keepAhead(bytes: Buffer): void {
    if (this.#isAheadLost) return;
    this.#ahead.append(bytes, 0, bytes.length);
    if (this.#ahead.length > AHEAD_BYTES) this.#socket.pause();
  }

  #read(bytes: Buffer): void {
    this.#isReading = true;
    let offset = 0;
    try {
      if (this.#proxyReader !== null) offset = this.#readProxyHeader(this.#proxyReader, bytes);
      while (offset >= 0 && offset < bytes.length && (this.#state === "head" || this.#state === "body")) {
        offset = this.#state === "head" ? this.#readHead(bytes, offset) : this.#readBody(bytes, offset);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuseRequest(error);
    }
    this.#isReading = false;
    if (offset >= 0 && offset < bytes.length && this.#state === "reply")
      this.#keepAhead(bytes.subarray(offset));
    this.#tellHeld();
  }

  #readProxyHeader(reader: ProxyHeaderReader, bytes: Buffer): number {
    if (!reader.started) this.#deadlineMs = monotonicMs() + this.#gateway.headerTimeoutMs;
    const next = reader.read(bytes, 0);
    if (next < 0) return next;
    this.#proxyReader = null;
    this.#state = "head";
    if (reader.header !== null) {
      const { policy } = this.#gateway;
      this.#peer = proxiedPeer(this.#listener.info, this.#socket, policy, this.#peer, reader.header);
      this.#client = this.#peer;
    }
    // The beginning of a header is never a whole head.
    if (reader.unread.length > 0) this.#readHead(reader.unread, 0);
    return next;
  }

  #readHead(bytes: Buffer, offset: number): number {
    const wasStarted = this.#headReader.started;
    const next = this.#headReader.read(bytes, offset);
    if (next >= 0) this.#beginRequest(this.#headReader.head);
    else if (!wasStarted && this.#headReader.started)
      this.#deadlineMs = monotonicMs() + this.#gateway.headerTimeoutMs;
    return next;
  }

  #beginRequest(head: RequestHead): void {
    const gateway = this.#gateway;
    if (gateway.hasHealthPages && this.#answersHealth(head)) return;
    const { real_ip_header } = gateway;
    if (real_ip_header !== "") {
      this.#client = requestPeer(this.#listener.info, this.#peer, gateway.policy, real_ip_header, head);
    }
    const framing = requestFraming(head);
    const mustContinue = expectsContinue(head);
    const keepAlive = !framing.mustClose && wantsKeepAlive(head);
    const provenance = gateway.policy.provenance(head, this.#peer.isTrusted);
    const length = framing.kind === "length" ? framing.length : 0;
    this.#exchange = this.#newExchange(head, length, provenance, keepAlive);
    this.#headReader.reset();
    if (framing.kind === "none") {
      this.#dispatch();
      return;
    }
    if (framing.kind === "length" && framing.length > gateway.limit_request_body) throw bodyTooLarge();
    this.#state = "body";
    this.#deadlineMs = monotonicMs() + gateway.bodyTimeoutMs;
    this.#bodyRemaining = framing.kind === "length" ? framing.length : -1;
    if (framing.kind === "chunked") this.#chunked = this.#newChunkedReader();
    if (mustContinue) this.#outbox.write(CONTINUE);
  }

  /** Neither worker nor access log hears of it. */
  #answersHealth(head: RequestHead): boolean {
    const response = this.#gateway.maybeHealthPage(head, this.#listener.info);
    if (response === null) return false;
    this.#headReader.reset();
    this.refuse(response);
    return true;
  }

  #newExchange(
    head: RequestHead,
    bodyBytes: number,
    provenance: Provenance,
    keepAlive: boolean,
  ): HttpExchange {
    const body = new RequestBody(this.#bodyStorage, bodyBytes);
    return new HttpExchange(this, head, body, provenance, keepAlive);
  }

  #newChunkedReader(): ChunkedReader {
    return new ChunkedReader(this.#gateway.headRules, (bytes, start, end) => {
      if (end - start <= SMALL_CHUNK_BYTES) {
        this.#gatherChunk(bytes, start, end);
        return;
      }
      this.#handOnChunks();
      this.#onBody(bytes.subarray(start, end));
    });
  }

  #gatherChunk(bytes: Buffer, start: number, end: number): void {
    if (smallChunksLength + end - start > SMALL_CHUNKS.length) this.#handOnChunks();
    for (let at = start; at < end; at++) SMALL_CHUNKS[smallChunksLength++] = bytes[at] as number;
  }

  #handOnChunks(): void {
    const length = smallChunksLength;
    smallChunksLength = 0;
    if (length > 0) this.#onBody(SMALL_CHUNKS.subarray(0, length));
  }

  #readBody(bytes: Buffer, offset: number): number {
    if (this.#chunked !== null) {
      smallChunksLength = 0; // a refused body may have left some
      const next = this.#chunked.read(bytes, offset);
      this.#handOnChunks();
      if (next >= 0) this.#endBody();
      return next;
    }
    const end = Math.min(bytes.length, offset + this.#bodyRemaining);
    this.#bodyRemaining -= end - offset;
    this.#onBody(bytes.subarray(offset, end));
    if (this.#bodyRemaining === 0) this.#endBody();
    return end;
  }

  /** Only these bytes are progress: chunk sizes, their extensions and trailers can be made to drip for long. */
  #onBody(part: Uint8Array): void {
    this.#deadlineMs = monotonicMs() + this.#gateway.bodyTimeoutMs;
    const exchange = this.#exchange as HttpExchange;
    if (exchange.body.length + part.length > this.#gateway.limit_request_body) throw bodyTooLarge();
    if (exchange.body.append(part, () => this.#onSpooled())) return;
    this.#socket.pause();
    // It is the disk now that is slow.
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  #onSpooled(): void {
    if (this.#state === "body") this.#deadlineMs = monotonicMs() + this.#gateway.bodyTimeoutMs;
    this.#socket.resume();
  }

  #endBody(): void {
    this.#chunked = null;
    this.#state = "reply";
    const exchange = this.#exchange as HttpExchange;
    exchange.body.end(() => {
      if (this.#exchange === exchange) this.#guard(() => this.#dispatch());
    });
  }

  #dispatch(): void {
    this.#state = "reply";
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    const exchange = this.#exchange as HttpExchange;
    this.#gateway.dispatch(exchange, this.#listener.info, this.#client.environ);
  }

  // -- writing ----------------------------------------------------------------------------------------------

  write(bytes: Uint8Array): void {
    this.#outbox.write(bytes);
  }

  gather(): void {
    this.#outbox.gather();
  }

  release(): void {
    this.#outbox.release();
    this.#ended?.onWritten();
  }

  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  sendFile(
    file: OpenedFile,
    onRead: () => void,
    onDone: (sentBytes: number, failure: FileFailure | null) => void,
  ): void {
    new FileSender(this.#socket, this.#outbox, file, onRead, onDone);
  }

  get isWaiting(): boolean {
    return this.#outbox.waitingBytes > 0;
  }

  /** Asked when the response begins: a stop may have come since the request was read. */
  get keepsAlive(): boolean {
    return this.#gateway.keepsAlive && !this.#isAheadLost;
  }

  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  whenRoom(callback: () => void): void {
    this.#outbox.whenRoom(callback);
  }

  onAnswered(exchange: HttpExchange, close: boolean): void {
    this.#gateway.logAccess(exchange);
    this.#exchange = null;
    this.#client = this.#peer;
    const isLeft = this.#ended !== null && this.#ahead.length === 0;
    if (close || isLeft || this.#isAheadLost) {
      this.#linger();
      return;
    }
    this.#state = "head";
    this.#deadlineMs = monotonicMs() + this.#gateway.keepaliveMs;
    if (this.#ahead.length > 0) this.#readAhead();
  }

  /** Goes on with what was sent ahead; not from inside `#read`, which does so itself. */
  #readAhead(): void {
    if (this.#isReading) throw new Error("a reply came while its request was being read");
    const bytes = this.#ahead.take();
    this.#socket.resume();
    this.#read(bytes);
  }

  refuse(response: Buffer): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#outbox.write(exchange?.method === "HEAD" ? headOf(response) : response);
    if (exchange !== null) this.#gateway.logAccess(exchange);
    this.#linger();
  }

  cut(byReset: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    if (exchange !== null) this.#gateway.logAccess(exchange);
    this.#outbox.release();
    if (byReset && this.#listener.info.kind === "tcp") this.#socket.resetAndDestroy();
    else if (byReset) this.#socket.destroy();
    else this.#linger();
  }

  logLost(exchange: HttpExchange, status: number, reason: string, kind?: FrequentLine): void {
    const message = `${reason} request ${exchange.requestLine} from ip=${quoted(this.remoteAddress)}; answered ${
      exchange.isAnswering ? "by cutting the connection" : status
    }`;
    if (kind === undefined) this.#gateway.log.error(message);
    else this.#gateway.logOften(kind, message);
  }

  logOverload(): void {
    this.#gateway.logOften("overload", "No worker was free for 1 request(s); answered 503");
  }

  environOf(exchange: HttpExchange): ReadonlyMap<string, string> {
    return this.#gateway.environOf(exchange, this.#listener.info, this.#client.environ);
  }

  #refuseRequest(error: ProtocolError): void {
    const client = quoted(this.remoteAddress);
    this.#gateway.logOften("refused", `Invalid request from ip=${client}: ${quoted(error.detail)}`);
    this.#exchange ??= this.#maybeRefusedExchange();
    if (this.#exchange !== null) {
      this.#exchange.status = error.status;
      this.#exchange.body.discard();
    }
    this.refuse(errorResponse(error.status, error.message));
  }

  /** For the access log: of a head that was read, but does not hold together. */
  #maybeRefusedExchange(): HttpExchange | null {
    if (!this.#headReader.complete) return null;
    const { head } = this.#headReader;
    this.#headReader.reset();
    return this.#newExchange(head, 0, { scheme: "http", scriptName: "", fields: head.fields }, false);
  }

  #onSpoolError(error: Error): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    const message = `Request body of ${exchange.requestLine} not stored: ${error.message}`;
    this.#gateway.logOften("bodyNotStored", message);
    exchange.status = 507;
    exchange.body.discard();
    this.refuse(errorResponse(507, "The server cannot store the request body now."));
  }

  // -- memory -----------------------------------------------------------------------------------------------

  /** Of a request that is complete in one read, nothing is held. */
  #tellHeld(): void {
    const head = this.#state === "head" ? this.#headReader.heldBytes : 0;
    if (head !== this.#heldHead) {
      this.#heldHead = head;
      this.#gateway.heldHeads.set(this, head);
    }
    const body = this.#state === "body" ? this.#heldByBody() : this.#ahead.capacity;
    if (body !== this.#heldBody) {
      this.#heldBody = body;
      this.#gateway.heldBodies.set(this, body);
    }
  }

  /** With the head, which waits for the body. */
  #heldByBody(): number {
    const { head, body } = this.#exchange as HttpExchange;
    let held = head.target.length + body.heldBytes + (this.#chunked?.heldBytes ?? 0);
    for (const { value } of head.fields) held += FIELD_BYTES + value.length;
    return held;
  }

  shed(): void {
    this.#gateway.logOften("shed", "Unfinished requests take too much memory; gave up one of the oldest");
    if (this.#state === "reply") {
      // The client may send it again: it has no answer (RFC 9112 section 9.3.2).
      this.#isAheadLost = true;
      this.#ahead.clear();
      this.#tellHeld();
      return;
    }
    if (this.#exchange !== null) {
      this.#exchange.status = 503;
      this.#exchange.body.discard();
    }
    this.refuse(errorResponse(503, "The server holds too many unfinished requests.", ["Retry-After: 1"]));
  }

  #forgetUnfinished(): void {
    this.#ahead.clear();
    this.#headReader.reset();
    this.#chunked = null;
    this.#tellHeld();
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** An error that nobody expected costs this client, who is in a state that nobody knows: it is cut off. */
  #fail(error: unknown): void {
    this.#socket.destroy();
    this.#gateway.onFault("serving a client", error);
  }

  // -- the end ----------------------------------------------------------------------------------------------

  /** No more requests; what was written still reaches the client, then the connection closes. */
  #linger(): void {
    this.#state = "lingering";
    this.#forgetUnfinished();
    this.#deadlineMs = monotonicMs() + LINGER_MS;
    this.#socket.resume();
    this.#outbox.end();
  }

  /** The gateway did not run for so long: that was not the client's time. */
  postpone(ms: number): void {
    this.#deadlineMs += ms;
    this.#progressMs += ms;
    if (this.#ended !== null) this.#ended.sinceMs += ms;
  }

  /** Now and then: nothing waits for ever, neither for the client's bytes nor for it to take ours. */
  sweep(nowMs: number): void {
    try {
      this.#sweep(nowMs);
    } catch (error) {
      this.#fail(error);
    }
  }

  #sweep(nowMs: number): void {
    const { takenBytes, waitingBytes } = this.#outbox;
    if (takenBytes !== this.#takenBytes || waitingBytes === 0) {
      this.#takenBytes = takenBytes;
      this.#progressMs = nowMs;
    }
    // A client's time to act begins when it has the whole response.
    if (waitingBytes > 0 && this.#state === "lingering") this.#deadlineMs = nowMs + LINGER_MS;
    if (waitingBytes > 0 && this.isIdle) this.#deadlineMs = nowMs + this.#gateway.keepaliveMs;
    if (this.#ended !== null && this.#exchange !== null)
      this.#lookAfterEnded(this.#exchange, this.#ended, nowMs);
    if (nowMs - this.#progressMs > this.#gateway.writeTimeoutMs) this.#socket.destroy();
    else if (nowMs > this.#deadlineMs) this.#onDeadline();
  }

  /** A client that ended its side and whose request still waits for a worker has most likely gone. */
  #lookAfterEnded(exchange: HttpExchange, ended: EndedClient, nowMs: number): void {
    if (this.#state !== "reply") return;
    this.#gateway.noteEnded(exchange);
    if (exchange.isAnswering || nowMs - ended.sinceMs < ENDED_CLIENT_MS || !ended.mayBeUnclaimed) return;
    ended.mayBeUnclaimed = false;
    this.#gateway.withdrawIfUnclaimed(exchange, () => this.#socket.destroy());
  }

  #onDeadline(): void {
    if (this.#state === "proxy" || this.isIdle) this.#socket.destroy();
    else if (this.#state === "head" || this.#state === "body") this.#refuseRequest(requestTimeout());
    else this.#socket.destroy();
  }

  /**
   * The gateway leaves: a connection with a request is closed after its response. An idle one is closed a moment later: a
   * request may be on its way, and is answered with `Connection: close`.
   */
  drain(): void {
    if (this.isIdle) this.#deadlineMs = Math.min(this.#deadlineMs, monotonicMs() + DRAIN_IDLE_MS);
  }

  /** The client sends no more (it may still read). */
  #onEnd(): void {
    this.#ended = new EndedClient(this.#socket);
    if (this.#state === "reply" && this.#exchange !== null) this.#gateway.noteEnded(this.#exchange);
    if (this.#state === "reply" || this.#state === "lingering") return;
    this.#exchange?.body.discard();
    this.#exchange = null;
    this.#linger();
  }

  #onClose(): void {
    this.#state = "lingering";
    this.#forgetUnfinished();
    const exchange = this.#exchange;
    this.#exchange = null;
    try {
      exchange?.body.discard();
      if (exchange !== null) this.#gateway.withdraw(exchange);
    } finally {
      this.#gateway.onClosed(this);
    }
  }
}

/** Without the body. */
const headOf = (response: Buffer): Buffer => response.subarray(0, response.indexOf("\r\n\r\n") + 4);

const bodyTooLarge = (): ProtocolError =>
  new ProtocolError(413, "Request body is too large", "The request body is too large.");

const requestTimeout = (): ProtocolError =>
  new ProtocolError(408, "Request timeout", "The request did not arrive in time.");
