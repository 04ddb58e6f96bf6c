/**
 * One request and its reply: takes the frames a worker sends and writes the response to the client.
 *
 * Rules: framing is decided once, when the head arrives (http1/response-framing.ts). More body than Content-Length
 * says is cut; less, or an application that fails in mid-body, cuts the connection so that the client can tell.
 *
 * Runs in: gateway.
 */
import { close } from "node:fs";
import type { AccessRecord } from "../logging/access-log.ts";
import type { AccessLogRecord } from "../logging/log-channel.ts";
import { quoted } from "../logging/quoted.ts";
import {
  FILE_COPIED,
  FILE_KEPT,
  FILE_REFUSED,
  FLAG_CLOSE,
  FRAME_BODY,
  FRAME_EARLY_HINTS,
  FRAME_END,
  FRAME_FAIL,
  FRAME_FILE,
  FRAME_HEAD,
  FRAME_WHOLE,
} from "../queue/layout.ts";
import type { FrameHeader } from "../queue/reply-reader.ts";
import { httpDate, monotonicMs } from "./clock.ts";
import type { Exchange } from "./dispatcher.ts";
import { percentDecode } from "./environ.ts";
import type { FileFailure } from "./file-sender.ts";
import type { Provenance } from "./forwarded.ts";
import type { FrequentLine } from "./frequent-lines.ts";
import { type OpenedFile, readHandedFile, type TakenFile, takeHandedFile } from "./handed-file.ts";
import { errorResponse } from "./http1/error-page.ts";
import type { RequestHead } from "./http1/request-head.ts";
import { type ResponseFraming, responseFraming } from "./http1/response-framing.ts";
import { buildResponseHead, CHUNK_END, chunkHead, LAST_CHUNK, wholeChunk } from "./http1/response-head.ts";
import type { RequestBody } from "./request-body.ts";
import type { WorkerStream } from "./worker-stream.ts";

/** What an exchange asks of its connection. */
export interface ClientSide {
  readonly remoteAddress: string;
  write(bytes: Uint8Array): void;
  /** What is written from now on goes out at `release`, as one. */
  gather(): void;
  release(): void;
  /** Whether it has left. */
  readonly isGone: boolean;
  /** Sends a part of a file, whose descriptor it takes over; see FileSender. */
  sendFile(
    file: OpenedFile,
    onRead: () => void,
    onDone: (sentBytes: number, failure: FileFailure | null) => void,
  ): void;
  /** Whether anything waits for the client to take it. */
  readonly isWaiting: boolean;
  /** False once the gateway is about to leave, and where no connection is kept. */
  readonly keepsAlive: boolean;
  /** Whether so much waits for the client that the worker should wait too. */
  readonly isFull: boolean;
  /** Calls back when there is room again, or the client is gone. */
  whenRoom(callback: () => void): void;
  /** The response is complete. */
  onAnswered(exchange: HttpExchange, close: boolean): void;
  /** Sends a whole error response and closes. */
  refuse(response: Buffer): void;
  /** Ends the connection in mid-response. `byReset`: the regular end would look like the end of the body. */
  cut(byReset: boolean): void;
  logOverload(): void;
  /** The error log's line for a reply that could not be given. */
  logLost(exchange: HttpExchange, status: number, reason: string, kind?: FrequentLine): void;
  /** For the access log. */
  environOf(exchange: HttpExchange): ReadonlyMap<string, string>;
}

const NO_BYTES = Buffer.alloc(0);
const CR = 0x0d;
/** Up to this size a copy into one buffer is cheaper than another write. */
const ONE_WRITE_BYTES = 64 * 1024;
/** And than two more buffers in the same write. */
const ONE_CHUNK_BYTES = 4096;
/** From this size on a part has a write of its own, which is cheaper than to gather it. */
const LARGE_BYTES = 16 * 1024;

export class HttpExchange implements Exchange, AccessRecord {
  ticket = 0;
  isAnswering = false;
  status = 0;
  bodyBytes = 0;
  workerPid = 0;
  workerAge = 0;
  queuedMs = Number.NaN;
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly provenance: Provenance;
  readonly #client: ClientSide;
  readonly #keepAlive: boolean;
  readonly #startedMs = monotonicMs();
  #framing: ResponseFraming | null = null;
  /** Body bytes that Content-Length still allows. */
  #remaining = Number.POSITIVE_INFINITY;
  #frameEndsReply = false;
  /** Nothing more of it comes. */
  #isOver = false;
  /** A file is the body: it is being looked at, or the gateway sends it and the worker is out of it. */
  #file: "none" | "offered" | "taken" = "none";
  #fieldLines: Buffer = NO_BYTES;

  constructor(
    client: ClientSide,
    head: RequestHead,
    body: RequestBody,
    provenance: Provenance,
    keepAlive: boolean,
  ) {
    this.#client = client;
    this.head = head;
    this.body = body;
    this.provenance = provenance;
    this.#keepAlive = keepAlive;
  }

  // -- frames -----------------------------------------------------------------------------------------------

  onReplyFrame(
    stream: WorkerStream,
    frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): boolean {
    this.workerPid = stream.pid;
    this.workerAge = stream.age;
    this.#frameEndsReply = frame.kind === FRAME_WHOLE;
    switch (frame.kind) {
      case FRAME_HEAD:
        if (this.#file !== "none" && !this.#forgoesFile()) break;
        this.#begin(stream, frame, bytes, start, end, complete);
        break;
      case FRAME_WHOLE:
        this.#begin(stream, frame, bytes, start, end, complete);
        break;
      case FRAME_BODY:
        this.#sendBody(stream, bytes, start, end);
        break;
      case FRAME_END:
        if (this.#file !== "none") return true;
        if (this.#framing === null) {
          stream.refuse("the end of a reply without a head");
          return false;
        }
        this.#finish();
        return true;
      case FRAME_FAIL:
        if (this.#file === "none") this.#fail(500, "");
        return true;
      case FRAME_EARLY_HINTS:
        this.#sendEarlyHints(bytes, start, end);
        break;
      case FRAME_FILE:
        this.#considerFile(stream, { ...frame }, Buffer.from(bytes.subarray(start, end)));
        return false;
      default:
        throw new Error(`reply frame of unknown kind ${frame.kind}`);
    }
    return this.#endFrame(complete);
  }

  onReplyMore(stream: WorkerStream, bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.#sendBody(stream, bytes, start, end);
    return this.#endFrame(complete);
  }

  #endFrame(complete: boolean): boolean {
    if (!complete || !this.#frameEndsReply) return false;
    if (this.isAnswering) this.#finish();
    return true;
  }

  onReadEnd(stream: WorkerStream): void {
    this.#client.release();
    if (this.#client.isWaiting) stream.keepBytes(); // what it waits for may lie in them
    if (this.#isOver || !this.#client.isFull) return;
    stream.pause();
    this.#client.whenRoom(() => stream.resume());
  }

  #begin(
    stream: WorkerStream,
    frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): void {
    const bodyStart = start + frame.headLength;
    const isWhole = frame.kind === FRAME_WHOLE;
    // Known from the frame's header, however the frame was cut into reads.
    const framing = this.#decideFraming(frame, isWhole ? frame.payloadLength - frame.headLength : -1);
    // A whole small response is one write; else the body follows in writes of its own.
    const inOne = isWhole && complete && framing.body === "length" && end - bodyStart <= ONE_WRITE_BYTES;
    const bodyEnd = inOne ? Math.min(end, bodyStart + this.#remaining) : bodyStart;
    // What is read at once goes to the client in one write, however many pieces it is.
    if (!inOne) {
      this.#client.gather();
      stream.gather(this);
    }
    this.#writeHead(framing, bytes, start, bodyStart, inOne ? bytes.subarray(bodyStart, bodyEnd) : undefined);
    // For the access log, which a reply of several frames reaches when `bytes` are others.
    if (!isWhole || !complete) this.#fieldLines = Buffer.from(this.#fieldLines);
    if (inOne) {
      this.bodyBytes = bodyEnd - bodyStart;
      this.#remaining -= this.bodyBytes;
    } else {
      this.#sendBody(stream, bytes, bodyStart, end);
    }
  }

  #writeHead(
    framing: ResponseFraming,
    bytes: Buffer,
    start: number,
    end: number,
    body: Uint8Array | undefined,
  ): void {
    const statusEnd = bytes.indexOf(CR, start);
    this.#fieldLines = bytes.subarray(statusEnd + 2, end);
    this.#client.write(
      buildResponseHead({
        minorVersion: this.head.minorVersion,
        status: bytes.toString("latin1", start, statusEnd),
        date: httpDate(),
        connection: framing.close ? "close" : "keep-alive",
        chunked: framing.body === "chunked",
        contentLength: framing.contentLengthToAdd,
        fieldLines: this.#fieldLines,
        body,
      }),
    );
  }

  /** `wholeLength`: bytes of the body, -1 when they are not known yet. */
  #decideFraming(frame: FrameHeader, wholeLength: number): ResponseFraming {
    const { method, minorVersion } = this.head;
    const { status, contentLength, flags } = frame;
    const keepAlive = this.#keepAlive && this.#client.keepsAlive && (flags & FLAG_CLOSE) === 0;
    const framing = responseFraming({ method, minorVersion, status, contentLength, wholeLength, keepAlive });
    this.isAnswering = true;
    this.status = status;
    this.#framing = framing;
    if (framing.body === "length" && contentLength >= 0) this.#remaining = contentLength;
    return framing;
  }

  #sendBody(stream: WorkerStream, bytes: Buffer, start: number, end: number): void {
    if (this.#framing === null || this.#framing.body === "none" || start === end) return;
    if (this.#file === "taken") return;
    const last = Math.min(end, start + this.#remaining);
    if (start === last) return;
    this.#remaining -= last - start;
    this.bodyBytes += last - start;
    const part = bytes.subarray(start, last);
    const isChunked = this.#framing.body === "chunked";
    if (isChunked || part.length < LARGE_BYTES) this.#client.gather();
    stream.gather(this);
    if (!isChunked) this.#client.write(part);
    else if (part.length <= ONE_CHUNK_BYTES) this.#client.write(wholeChunk(part));
    else for (const piece of [chunkHead(part.length), part, CHUNK_END]) this.#client.write(piece);
  }

  #sendEarlyHints(bytes: Buffer, start: number, end: number): void {
    if (this.isAnswering || this.head.minorVersion === 0) return;
    this.#client.write(
      Buffer.from(`HTTP/1.1 103 Early Hints\r\n${bytes.toString("latin1", start, end)}\r\n`, "latin1"),
    );
  }

  #finish(): void {
    const framing = this.#framing;
    this.#isOver = true;
    this.body.discard();
    if (framing === null) throw new Error("a reply ended before its head");
    const isShort = framing.body === "length" && this.#remaining > 0 && Number.isFinite(this.#remaining);
    if (framing.body === "chunked") this.#client.write(LAST_CHUNK);
    this.#client.onAnswered(this, framing.close || isShort);
  }

  // -- a file as the body ------------------------------------------------------------------------------------

  /** The worker sends the body itself, although it has offered a file: the answer was too late for it. Returns whether it may. */
  #forgoesFile(): boolean {
    if (this.#file === "taken") return false;
    this.#file = "none";
    return true;
  }

  /** The worker waits for the answer, and sends the body itself when it is refused. */
  #considerFile(stream: WorkerStream, frame: FrameHeader, payload: Buffer): void {
    if (this.isAnswering || this.#file !== "none") {
      stream.answerFile(frame.ticket, FILE_REFUSED);
      return;
    }
    const offered = readHandedFile(payload);
    this.#file = "offered";
    takeHandedFile(offered, (taken) => {
      const isWanted = this.#file === "offered" && !this.#client.isGone;
      if (isWanted) this.#file = taken.kind === "refused" ? "none" : "taken";
      if (!isWanted) this.#dropFile(stream, frame, taken);
      else if (taken.kind === "refused") stream.answerFile(frame.ticket, FILE_REFUSED);
      else this.#takeFile(stream, frame, offered.head, taken);
    });
  }

  /** Nobody waits for it any more. */
  #dropFile(stream: WorkerStream, { ticket }: FrameHeader, taken: TakenFile): void {
    stream.answerFile(ticket, FILE_COPIED);
    if (taken.kind === "kept") close(taken.file.fd);
  }

  #takeFile(
    stream: WorkerStream,
    frame: FrameHeader,
    head: Buffer,
    taken: Exclude<TakenFile, { kind: "refused" }>,
  ): void {
    const framing = this.#decideFraming(frame, lengthOf(taken));
    if (framing.body === "none") {
      this.#dropFile(stream, frame, taken);
      this.#writeHead(framing, head, 0, head.length, undefined);
      this.#finish();
    } else if (taken.kind === "copied") {
      stream.answerFile(frame.ticket, FILE_COPIED);
      this.#sendCopy(framing, head, taken.bytes);
    } else {
      stream.answerFile(frame.ticket, FILE_KEPT);
      this.#writeHead(framing, head, 0, head.length, undefined);
      this.#sendFile(stream, taken.file);
    }
  }

  #sendCopy(framing: ResponseFraming, head: Buffer, bytes: Buffer): void {
    const body = bytes.subarray(0, Math.min(bytes.length, this.#remaining));
    this.#client.gather();
    this.#writeHead(framing, head, 0, head.length, undefined);
    this.#client.write(body);
    this.#client.release();
    this.bodyBytes = body.length;
    this.#remaining -= body.length;
    this.#finish();
  }

  #sendFile(stream: WorkerStream, file: OpenedFile): void {
    const onRead = (): void => stream.end();
    this.#client.sendFile(file, onRead, (sentBytes, failure) => {
      this.bodyBytes = sentBytes;
      this.#remaining -= sentBytes;
      if (failure === null) {
        this.#finish();
        return;
      }
      this.#client.logLost(this, 500, failure.message, "fileFailed");
      this.#fail(500, "");
    });
  }

  // -- replies that cannot be given -------------------------------------------------------------------------

  onWorkerDied(reason: string, ranMs: number, pid: number): void {
    if (this.#file === "taken") return;
    this.workerPid = pid;
    this.#client.logLost(this, 502, `worker (pid:${pid}) ${reason} after ${(ranMs / 1e3).toFixed(3)}s in`);
    this.#fail(502, "The worker process that was handling this request died.");
  }

  onLost(reason: string): void {
    if (this.#file === "taken") return;
    this.#client.logLost(this, 502, reason);
    this.#fail(502, "The worker process that was handling this request did not answer.");
  }

  onTimedOut(ranMs: number, pid: number): void {
    if (this.#file === "taken") return;
    this.workerPid = pid;
    this.#client.logLost(this, 504, `worker (pid:${pid}) timed out after ${(ranMs / 1e3).toFixed(3)}s in`);
    this.#fail(504, "The application did not answer in time.");
  }

  /** No worker was free, or none in time: 503. The application has seen nothing of the request. */
  onNotClaimed(): void {
    this.body.discard();
    this.status = 503;
    this.#client.logOverload();
    this.#client.refuse(errorResponse(503, "No worker was free for this request.", ["Retry-After: 1"]));
  }

  onNotStored(error: Error): void {
    this.#client.logLost(this, 503, `The run directory has no room (${error.message}) for`, "noRoom");
    this.#fail(503, "The server has no room for this request now.");
  }

  /** The client gets `status`, or is cut off when it has begun to get something else. */
  #fail(status: number, message: string): void {
    this.body.discard();
    this.#file = "none";
    this.#isOver = true;
    if (this.isAnswering) {
      this.#client.cut(this.#framing?.body === "close");
      return;
    }
    this.status = status;
    this.#client.refuse(errorResponse(status, message));
  }

  // -- access log -------------------------------------------------------------------------------------------

  get remoteAddress(): string {
    return this.#client.remoteAddress;
  }

  /** For a line of the error log. */
  get requestLine(): string {
    return quoted(`${this.head.method} ${this.head.target}`);
  }

  get method(): string {
    return this.head.method;
  }

  get target(): string {
    return this.head.target;
  }

  /** PATH_INFO, as in Gunicorn. */
  get path(): string {
    return percentDecode(this.head.path.slice(this.provenance.scriptName.length));
  }

  get query(): string {
    return this.head.query;
  }

  get protocol(): string {
    return this.head.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  get durationMs(): number {
    return monotonicMs() - this.#startedMs;
  }

  requestField(name: string): string | undefined {
    return this.head.fields.findLast((field) => field.name.lower === name)?.value;
  }

  responseField(name: string): string | undefined {
    const isIt = (line: string): boolean => line.slice(0, line.indexOf(":")).toLowerCase() === name;
    const line = this.#fieldLines.toString("latin1").split("\r\n").findLast(isIt);
    return line?.slice(name.length + 1).trim();
  }

  environ(): ReadonlyMap<string, string> {
    return this.#client.environOf(this);
  }

  /** For the log process. */
  accessRecord(): AccessLogRecord {
    return {
      type: "access",
      environ: Object.fromEntries(this.environ()),
      request_fields: this.head.fields.map(({ name, value }) => [name.lower, value]),
      response_fields: this.#responseFields().map(splitField),
      status: this.status,
      bytes: this.bodyBytes,
      duration_us: Math.trunc(this.durationMs * 1e3),
      pid: this.workerPid,
      time: Date.now() / 1e3,
    };
  }

  #responseFields(): string[] {
    const text = this.#fieldLines.toString("latin1");
    return text.split("\r\n").filter((line) => line !== "");
  }
}

function lengthOf(taken: Exclude<TakenFile, { kind: "refused" }>): number {
  return taken.kind === "copied" ? taken.bytes.length : taken.file.length;
}

function splitField(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}
