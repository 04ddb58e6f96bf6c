/**
 * The reply streams: the Unix socket that worker threads connect to, and one reader a thread.
 *
 * A stream is paused while the client of its reply does not read; the thread then blocks in its write, and only its own
 * request is held up.
 *
 * Each frame is checked first (queue/frame-check.ts). A stream that has brought a bad one is closed, and its worker reported: whatever
 * came next would not be in step.
 *
 * Runs in: gateway.
 */
import type { Server, Socket } from "node:net";
import { FrameCheck } from "../queue/frame-check.ts";
import { FILE_ANSWER, FILE_KEPT, FRAME_HELLO, PROTOCOL_VERSION } from "../queue/layout.ts";
import { type FrameHeader, ReplyReader, type ReplySink } from "../queue/reply-reader.ts";
import type { Notes } from "./claim-watch.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { createSocketServer, type OpenSocket, type SocketServerEvents } from "./socket-server.ts";

const READ_BYTES = 64 * 1024;

/** So many sweeps a stream may take to say whose it is. */
const HELLO_SWEEPS = 20;
/** At so many sweeps in a row its thread was not on the request to which it has begun to send a reply. */
const STALE_SWEEPS = 2;
/** Of a stream that has not said whose it is, in the place of a ticket. */
const NAMELESS = -1;
/**
 * A stream of a dead worker from which nothing came for so long has nothing left, ms. It closes at once, unless a process that
 * the application has started holds it open.
 */
const DEAD_QUIET_MS = 50;

/** A reply that comes in pieces. */
export interface PiecewiseReply {
  /** Everything that was read at once has been delivered. */
  onReadEnd(stream: WorkerStream): void;
}

export interface StreamEvents {
  /** It has said whose it is. */
  onNamed(): void;
  /** It is closed. `fault` is to be read after "sent". */
  onRefused(stream: WorkerStream, fault: string): void;
  /** What was thrown while it was read, which ends it. */
  onFault(error: unknown): void;
}

export class WorkerStream implements ReplySink {
  /** 0 until the stream has said whose it is. */
  pid = 0;
  /** Of the worker: its number in this instance. */
  age = 0;
  /** Of the thread, on the scoreboard. */
  slot = -1;
  isClosed = false;
  /** It is a file's own (PROTOCOL.md §5): its end says that the file has been read. */
  isForFile = false;
  readonly #socket: Socket;
  readonly #reader: ReplyReader;
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #isKept = false;
  #isPaused = false;
  /** Of anything, since it was opened. */
  #reads = 0;
  #gathering: PiecewiseReply | null = null;
  readonly #dispatcher: Dispatcher;
  readonly #events: StreamEvents;
  readonly #check = new FrameCheck();
  #staleSweeps = 0;
  /** What these were about: a ticket, or no name. */
  #suspect = NAMELESS;

  constructor(open: OpenSocket, dispatcher: Dispatcher, events: StreamEvents) {
    this.#dispatcher = dispatcher;
    this.#events = events;
    this.#reader = new ReplyReader(this);
    this.#socket = open({
      buffer: () => this.#freeBuffer(),
      callback: (length, bytes) => {
        this.#reads++;
        try {
          this.#reader.read((bytes as Buffer).subarray(0, length));
          if (this.#gathering !== null) this.#endRead();
        } catch (error) {
          // Where the next frame begins is not known any more.
          this.close();
          this.#events.onFault(error);
        }
        return true;
      },
    });
    // A worker that is killed resets its stream; "close" follows, and the arbiter tells what it was working on.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.isClosed = true;
    });
  }

  /** The ticket whose reply has begun and is not over; 0: none. */
  get openTicket(): number {
    return this.#check.openTicket;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Nothing more is read from it. `fault`: what is wrong, to be read after "sent". */
  refuse(fault: string): void {
    if (this.isClosed) return;
    this.close();
    this.#events.onRefused(this, fault);
  }

  /** Its thread will connect again when it has a reply. */
  close(): void {
    this.isClosed = true;
    this.#reader.stop();
    this.#socket.destroy();
  }

  /** In the middle of a frame or a reply, or nameless. */
  get isUnfinished(): boolean {
    return this.pid === 0 || this.#reader.isInFrame || this.#check.openTicket !== 0;
  }

  /**
   * Now and then, while it is unfinished: a thread that is on something else, or on nothing, will not go on with it. What it wrote
   * before has been read by the second time, so whatever came would be taken for the rest. A thread that answers quickly may be on
   * another ticket at each sweep, so only sweeps count that find the same reply unfinished.
   */
  sweep(notes: Notes): void {
    if (this.isClosed) return;
    if (this.#isPaused || !this.#isStale(notes)) {
      this.unsuspect();
      return;
    }
    const suspect = this.pid === 0 ? NAMELESS : this.#unfinishedTicket;
    this.#staleSweeps = suspect === this.#suspect ? this.#staleSweeps + 1 : 1;
    this.#suspect = suspect;
    if (this.pid === 0 && this.#staleSweeps >= HELLO_SWEEPS) this.refuse("no HELLO");
    if (this.pid !== 0 && this.#staleSweeps >= STALE_SWEEPS) this.refuse("a reply without an end");
  }

  /** It is finished. */
  unsuspect(): void {
    this.#staleSweeps = 0;
  }

  /** 0: it is in the middle of a frame's header. */
  get #unfinishedTicket(): number {
    return this.#check.openTicket || this.#reader.ticketInFrame;
  }

  #isStale(notes: Notes): boolean {
    if (this.pid === 0) return true;
    const ticket = this.#unfinishedTicket;
    for (const [noted, { slot, isReading, isWorking }] of notes) {
      if (slot === this.slot) return !(isReading || isWorking) || (ticket !== 0 && ticket !== noted);
    }
    return true;
  }

  onClose(callback: () => void): void {
    this.#socket.on("close", callback);
  }

  /** Grows with every read; infinite while bytes may wait for the client to take those before. */
  get reads(): number {
    return this.#isPaused ? Number.POSITIVE_INFINITY : this.#reads;
  }

  /** Its worker is dead, and everything is read. */
  destroy(): void {
    this.#socket.destroy();
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
    const fault = this.#check.maybeFault(frame, bytes, start);
    if (fault !== null) this.refuse(fault);
    else if (frame.kind === FRAME_HELLO) this.#onHello(frame);
    else this.#dispatcher.onReplyFrame(this, frame, bytes, start, end, complete);
  }

  #onHello({ status: version, ticket: age, headLength: slot, contentLength: pid }: FrameHeader): void {
    if (version !== PROTOCOL_VERSION) {
      this.refuse(`a HELLO of queue protocol ${version}`);
    } else if (!this.#dispatcher.isOwner(slot, age, pid)) {
      this.refuse(`a HELLO as worker ${age} (pid:${pid}), which is not on slot ${slot}`);
    } else {
      this.pid = pid;
      this.age = age;
      this.slot = slot;
      this.#events.onNamed();
    }
  }

  onUnreadable(fault: string): void {
    this.refuse(fault);
  }

  onMore(ticket: number, bytes: Buffer, start: number, end: number, complete: boolean): void {
    this.#dispatcher.onReplyMore(this, ticket, bytes, start, end, complete);
  }

  /** One of FILE_REFUSED, FILE_COPIED and FILE_KEPT (PROTOCOL.md §5), to the file that was offered. */
  answerFile(ticket: number, answer: number): void {
    const bytes = Buffer.alloc(FILE_ANSWER.bytes);
    bytes.writeUInt32LE(ticket, FILE_ANSWER.ticket);
    bytes.writeUInt8(answer, FILE_ANSWER.answer);
    if (answer === FILE_KEPT) this.isForFile = true;
    if (!this.isClosed) this.#socket.write(bytes);
  }

  /** It was a file's own, and the file has been read. */
  end(): void {
    this.#socket.end();
  }

  pause(): void {
    if (this.isClosed) return;
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

export interface WorkerStreamsEvents extends SocketServerEvents {
  /** Workers can connect. */
  onListening(): void;
  /** A stream has brought a bad frame: its worker is to be killed, if it has said whose it is. */
  onRefused(stream: WorkerStream, fault: string): void;
}

/** Accepts the streams, and knows which processes still have one open. */
export class WorkerStreams {
  readonly #server: Server;
  readonly #streams = new Set<WorkerStream>();
  #onClosed: Array<{ readonly pid: number; readonly callback: () => void }> = [];

  readonly #dispatcher: Dispatcher;
  readonly #events: WorkerStreamsEvents;
  #limit = Number.POSITIVE_INFINITY;

  constructor(path: string, dispatcher: Dispatcher, events: WorkerStreamsEvents) {
    this.#dispatcher = dispatcher;
    this.#events = events;
    this.#server = createSocketServer(false, (open) => this.#add(open, dispatcher), events);
    this.#server.listen(path, () => events.onListening());
    dispatcher.streams = this;
  }

  /** How many there may be, so that a descriptor is left for each client. With more threads, idle ones do without. */
  set limit(count: number) {
    this.#limit = count;
  }

  isPaused(slot: number): boolean {
    for (const stream of this.#streams) if (stream.slot === slot && stream.isPaused) return true;
    return false;
  }

  /** Now and then: closes what will never be finished. */
  sweep(): void {
    let notes: Notes | null = null;
    for (const stream of this.#streams) {
      if (!stream.isUnfinished) {
        stream.unsuspect();
        continue;
      }
      notes ??= this.#dispatcher.look();
      stream.sweep(notes);
    }
  }

  /** Calls back when everything the dead process has written is read: its last stream is closed, or quiet. */
  whenClosed(pid: number, callback: () => void): void {
    // A stream it opened just before it died may not be accepted yet; after a turn of the loop it is.
    setImmediate(() =>
      setImmediate(() => {
        if (!this.#hasOpen(pid)) {
          callback();
          return;
        }
        const waiting = { pid, callback };
        this.#onClosed.push(waiting);
        this.#awaitQuiet(waiting, this.#readsOf(pid));
      }),
    );
  }

  /** What has come while the timer ran is read before `setImmediate` calls back, however busy this process was. */
  #awaitQuiet(waiting: { readonly pid: number; readonly callback: () => void }, readsBefore: number): void {
    const look = (): void => {
      if (!this.#onClosed.includes(waiting)) return;
      const reads = this.#readsOf(waiting.pid);
      if (reads !== readsBefore || reads === Number.POSITIVE_INFINITY) {
        this.#awaitQuiet(waiting, reads);
        return;
      }
      for (const stream of this.#streams) if (stream.pid === waiting.pid) stream.destroy();
      this.#onClosed = this.#onClosed.filter((each) => each !== waiting);
      waiting.callback();
    };
    setTimeout(() => setImmediate(look), DEAD_QUIET_MS);
  }

  #readsOf(pid: number): number {
    let reads = 0;
    for (const stream of this.#streams) if (stream.pid === pid || stream.pid === 0) reads += stream.reads;
    return reads;
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
    const stream = new WorkerStream(open, dispatcher, {
      onNamed: () => this.#settle(),
      onRefused: (refused, fault) => {
        dispatcher.onRefused(refused, fault);
        this.#events.onRefused(refused, fault);
      },
      onFault: (error) => this.#events.onFault(error),
    });
    this.#streams.add(stream);
    if (this.#streams.size > this.#limit) this.#closeIdle();
    stream.onClose(() => {
      this.#streams.delete(stream);
      this.#settle();
    });
  }

  /** The one that was connected first of those whose threads are on nothing. */
  #closeIdle(): void {
    const busy = new Set<number>();
    for (const { slot, isReading, isWorking } of this.#dispatcher.look().values()) {
      if (isReading || isWorking) busy.add(slot);
    }
    for (const stream of this.#streams) {
      if (stream.isForFile || stream.isUnfinished || stream.isPaused || stream.isClosed) continue;
      if (busy.has(stream.slot)) continue;
      this.#dispatcher.onClosedHere();
      stream.close();
      return;
    }
  }

  #settle(): void {
    if (this.#onClosed.length === 0) return;
    const settled = this.#onClosed.filter(({ pid }) => !this.#hasOpen(pid));
    this.#onClosed = this.#onClosed.filter((each) => !settled.includes(each));
    for (const { callback } of settled) callback();
  }
}
