/**
 * The reply streams: the Unix socket that worker threads connect to, and one reader a thread.
 *
 * A stream is paused while the client of its reply does not read; the thread then blocks in its write, and only its own
 * request is held up.
 *
 * Runs in: gateway.
 */
import type { Server, Socket } from "node:net";
import { FILE_ANSWER, FRAME_HELLO, PROTOCOL_VERSION } from "../queue/layout.ts";
import { type FrameHeader, ReplyReader, type ReplySink } from "../queue/reply-reader.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { createSocketServer, type OpenSocket } from "./socket-server.ts";

const READ_BYTES = 64 * 1024;

/** A reply that comes in pieces. */
export interface PiecewiseReply {
  /** Everything that was read at once has been delivered. */
  onReadEnd(stream: WorkerStream): void;
}

export class WorkerStream implements ReplySink {
  /** 0 until the stream has said whose it is. */
  pid = 0;
  /** Of the worker: its number in this instance. */
  age = 0;
  readonly #socket: Socket;
  readonly #reader: ReplyReader;
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #isKept = false;
  #isPaused = false;
  #gathering: PiecewiseReply | null = null;
  readonly #dispatcher: Dispatcher;
  readonly #onNamed: () => void;

  /** `onNamed` is called when it has said whose it is; `onFault` with what was thrown while it was read, which ends it. */
  constructor(
    open: OpenSocket,
    dispatcher: Dispatcher,
    onNamed: () => void,
    onFault: (error: unknown) => void,
  ) {
    this.#dispatcher = dispatcher;
    this.#onNamed = onNamed;
    this.#reader = new ReplyReader(this);
    this.#socket = open({
      buffer: () => this.#freeBuffer(),
      callback: (length, bytes) => {
        try {
          this.#reader.read((bytes as Buffer).subarray(0, length));
          if (this.#gathering !== null) this.#endRead();
        } catch (error) {
          // Where the next frame begins is not known any more.
          this.#socket.destroy();
          onFault(error);
        }
        return true;
      },
    });
    // A worker that is killed resets its stream; "close" follows, and the arbiter tells what it was working on.
    this.#socket.on("error", () => {});
  }

  onClose(callback: () => void): void {
    this.#socket.on("close", callback);
  }

  /** The bytes that are being delivered are the receiver's for good: the next read gets other memory. */
  keepBytes(): void {
    this.#isKept = true;
  }

  /** `reply` is to hear when everything that was read at once is delivered. */
  gather(reply: PiecewiseReply): void {
    if (this.#gathering === reply) return;
    if (this.#gathering !== null) this.#endRead();
    this.#gathering = reply;
  }

  #endRead(): void {
    const reply = this.#gathering;
    this.#gathering = null;
    reply?.onReadEnd(this);
  }

  #freeBuffer(): Buffer {
    if (this.#isKept) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    this.#isKept = false;
    return this.#buffer;
  }

  onFrame(frame: FrameHeader, bytes: Buffer, start: number, end: number, complete: boolean): void {
    if (frame.kind === FRAME_HELLO) {
      if (frame.status !== PROTOCOL_VERSION) throw new Error(`worker speaks queue protocol ${frame.status}`);
      this.pid = frame.contentLength;
      this.age = frame.ticket;
      this.#onNamed();
      return;
    }
    this.#dispatcher.onReplyFrame(this, frame, bytes, start, end, complete);
  }

  onMore(ticket: number, bytes: Buffer, start: number, end: number, complete: boolean): void {
    this.#dispatcher.onReplyMore(this, ticket, bytes, start, end, complete);
  }

  /** One of FILE_REFUSED, FILE_COPIED and FILE_KEPT (PROTOCOL.md §5), to the file that was offered. */
  answerFile(ticket: number, answer: number): void {
    const bytes = Buffer.alloc(FILE_ANSWER.bytes);
    bytes.writeUInt32LE(ticket, FILE_ANSWER.ticket);
    bytes.writeUInt8(answer, FILE_ANSWER.answer);
    this.#socket.write(bytes);
  }

  /** It was a file's own, and the file has been read. */
  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** The end of a reply may lie in the bytes that it was paused with; the next one is for another client. */
  onReplyEnded(): void {
    if (this.#isPaused) this.resume();
  }
}

/** Accepts the streams, and knows which processes still have one open. */
export class WorkerStreams {
  readonly #server: Server;
  readonly #onFault: (error: unknown) => void;
  readonly #streams = new Set<WorkerStream>();
  #onClosed: Array<{ pid: number; callback: () => void }> = [];

  constructor(
    path: string,
    dispatcher: Dispatcher,
    onListening: () => void,
    onFault: (error: unknown) => void,
  ) {
    this.#onFault = onFault;
    this.#server = createSocketServer(false, (open) => this.#add(open, dispatcher), onFault);
    this.#server.listen(path, onListening);
  }

  /** Calls back when everything the dead process has written is read: when its last stream is closed. */
  whenClosed(pid: number, callback: () => void): void {
    // A stream it opened just before it died may not be accepted yet; after a turn of the loop it is.
    setImmediate(() =>
      setImmediate(() => {
        if (this.#hasOpen(pid)) this.#onClosed.push({ pid, callback });
        else callback();
      }),
    );
  }

  #hasOpen(pid: number): boolean {
    for (const stream of this.#streams) {
      // A stream that has not said yet whose it is may be that process's.
      if (stream.pid === pid || stream.pid === 0) return true;
    }
    return false;
  }

  #add(open: OpenSocket, dispatcher: Dispatcher): void {
    // Whoever waits for a process's last stream waits for those without a name too: until they have one.
    const stream = new WorkerStream(open, dispatcher, () => this.#settle(), this.#onFault);
    this.#streams.add(stream);
    stream.onClose(() => {
      this.#streams.delete(stream);
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#onClosed.length === 0) return;
    const settled = this.#onClosed.filter(({ pid }) => !this.#hasOpen(pid));
    this.#onClosed = this.#onClosed.filter((each) => !settled.includes(each));
    for (const { callback } of settled) callback();
  }
}
