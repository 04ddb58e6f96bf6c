import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net, { connect, Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { BusyPoll } from "../../../src/gateway/busy-poll.ts";
import { Dispatcher, type Exchange } from "../../../src/gateway/dispatcher.ts";
import { WorkerStream, WorkerStreams } from "../../../src/gateway/worker-stream.ts";
import {
  BODY_NONE,
  FRAME,
  FRAME_HELLO,
  FRAME_WHOLE,
  PROTOCOL_VERSION,
  repliesFile,
  SCOREBOARD_FILE,
  TICKETS_FILE,
} from "../../../src/queue/layout.ts";
import { type FrameHeader, ReplyReader } from "../../../src/queue/reply-reader.ts";
import { createScoreboard } from "../../../src/queue/scoreboard.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const AGE = 1;
const PID = 4711;

/** Settles when the frame of its reply has come, with the stream that brought it. */
class Request implements Exchange {
  ticket = 0;
  queuedMs = Number.NaN;
  isAnswering = false;
  isAnswered = false;
  /** Its client takes nothing more, and its reply is at its end. */
  isPausing = false;
  /** Where its frame lay. */
  memory: ArrayBufferLike | null = null;
  readonly answer: Promise<{ stream: WorkerStream; payload: string }>;
  readonly #resolve: (answer: { stream: WorkerStream; payload: string }) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<{ stream: WorkerStream; payload: string }>();
    this.answer = promise;
    this.#resolve = resolve;
  }

  onReplyFrame(
    stream: WorkerStream,
    _frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.isAnswered = true;
    if (this.isPausing) stream.pause();
    this.memory = bytes.buffer;
    this.#resolve({ stream, payload: bytes.toString("latin1", start, end) });
    return true;
  }

  onReplyMore(): boolean {
    return assert.fail("the frames are small");
  }

  onWorkerDied(): void {}
  onTimedOut(): void {}
  onNotClaimed(): void {}
  onNotStored(): void {}
}

function frame(kind: number, ticket: number, payload = ""): Buffer {
  const header = Buffer.alloc(FRAME.headerBytes);
  header.writeUInt32LE(payload.length, FRAME.payloadLength);
  header.writeUInt8(kind, FRAME.kind);
  header.writeUInt32LE(ticket, FRAME.ticket);
  return Buffer.concat([header, Buffer.from(payload)]);
}

function hello(pid: number): Buffer {
  const bytes = frame(FRAME_HELLO, 1);
  bytes.writeUInt16LE(PROTOCOL_VERSION, FRAME.status);
  bytes.writeDoubleLE(pid, FRAME.contentLength);
  return bytes;
}

/** A gateway's end of the reply streams, and workers that connect to it. */
class Gateway {
  readonly streams: WorkerStreams;
  readonly dispatcher: Dispatcher;
  readonly #path: string;
  readonly #t: TestContext;

  private constructor(t: TestContext, directory: string, onListening: () => void) {
    this.#t = t;
    this.#path = join(directory, repliesFile(AGE));
    execFileSync("mkfifo", [join(directory, TICKETS_FILE)]);
    createScoreboard(join(directory, SCOREBOARD_FILE), 1);
    const bounds = { length: Number.POSITIVE_INFINITY, ageMs: Number.POSITIVE_INFINITY };
    this.dispatcher = new Dispatcher(directory, AGE, bounds, new BusyPoll(0, 0));
    this.dispatcher.capacity = 9;
    closeServers(t);
    this.streams = new WorkerStreams(this.#path, this.dispatcher, onListening, assert.ifError);
    t.after(() => this.dispatcher.close());
  }

  static async open(t: TestContext): Promise<Gateway> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gateway = new Gateway(t, mkdtempSync(join(ROOT, "run-")), resolve);
    await promise;
    return gateway;
  }

  request(): Request {
    const request = new Request();
    this.dispatcher.enqueue(request, Buffer.from("{0"), BODY_NONE, []);
    return request;
  }

  /** A worker's thread, connected; it has said nothing yet. */
  async worker(): Promise<Socket> {
    const socket = connect(this.#path);
    this.#t.after(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  }

  /** Resolves when all has been read that was written before. */
  async caughtUp(): Promise<void> {
    const request = this.request();
    const worker = await this.worker();
    worker.write(Buffer.concat([hello(PID + 1), frame(FRAME_WHOLE, request.ticket)]));
    await request.answer;
  }

  async whenClosed(pid: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.streams.whenClosed(pid, resolve);
    await promise;
  }
}

/** A gateway's server lives as long as its process; a test's must not. */
function closeServers(t: TestContext): void {
  const { createServer } = net;
  const { mock } = t.mock.method(net, "createServer", (...parameters: Parameters<typeof createServer>) => {
    const server = createServer(...parameters);
    t.after(() => server.close());
    return server;
  });
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
}

describe("a reply stream", () => {
  it("brings frames to the requests they belong to, from the worker that has said hello", async (t) => {
    const gateway = await Gateway.open(t);
    const [first, second] = [gateway.request(), gateway.request()];
    const worker = await gateway.worker();
    const replies = [frame(FRAME_WHOLE, second.ticket, "2"), frame(FRAME_WHOLE, first.ticket, "1")];
    worker.write(Buffer.concat([hello(PID), ...replies]));
    assert.equal((await first.answer).payload, "1");
    const { stream, payload } = await second.answer;
    assert.equal(payload, "2");
    assert.equal(stream.pid, PID);
  });

  it("is kept apart from those of other threads", async (t) => {
    const gateway = await Gateway.open(t);
    const requests = [gateway.request(), gateway.request()];
    const workers = [await gateway.worker(), await gateway.worker()];
    const replies = requests.map(({ ticket }, nr) =>
      Buffer.concat([hello(PID + nr), frame(FRAME_WHOLE, ticket, `from ${PID + nr}`)]),
    );
    // Each in two halves, one after the other's.
    for (const half of [0, 1]) {
      for (const [nr, worker] of workers.entries()) {
        const bytes = replies[nr] as Buffer;
        const middle = Math.floor(bytes.length / 2);
        worker.write(half === 0 ? bytes.subarray(0, middle) : bytes.subarray(middle));
        await gateway.caughtUp();
      }
    }
    for (const [nr, { answer }] of requests.entries()) {
      const { stream, payload } = await answer;
      assert.equal(stream.pid, PID + nr);
      assert.equal(payload, `from ${PID + nr}`);
    }
  });

  it("brings nothing while it is paused, and everything afterwards", async (t) => {
    const gateway = await Gateway.open(t);
    const [first, second] = [gateway.request(), gateway.request()];
    const worker = await gateway.worker();
    worker.write(Buffer.concat([hello(PID), frame(FRAME_WHOLE, first.ticket)]));
    const { stream } = await first.answer;
    stream.pause();
    worker.write(frame(FRAME_WHOLE, second.ticket, "kept back"));
    await gateway.caughtUp();
    assert.equal(second.isAnswered, false);
    stream.resume();
    assert.equal((await second.answer).payload, "kept back");
  });

  it("is not left paused by a reply that is over", async (t) => {
    const gateway = await Gateway.open(t);
    const [first, second] = [gateway.request(), gateway.request()];
    first.isPausing = true;
    const worker = await gateway.worker();
    worker.write(Buffer.concat([hello(PID), frame(FRAME_WHOLE, first.ticket)]));
    await first.answer;
    worker.write(frame(FRAME_WHOLE, second.ticket, "for another client"));
    assert.equal((await second.answer).payload, "for another client");
  });

  it("reads into the same memory again, unless the receiver keeps what it got", async (t) => {
    const gateway = await Gateway.open(t);
    const requests = [gateway.request(), gateway.request(), gateway.request()];
    const worker = await gateway.worker();
    const memory: ArrayBufferLike[] = [];
    let greeting = hello(PID);
    for (const request of requests) {
      worker.write(Buffer.concat([greeting, frame(FRAME_WHOLE, request.ticket)]));
      greeting = Buffer.alloc(0);
      const { stream } = await request.answer;
      memory.push(request.memory as ArrayBufferLike);
      if (memory.length === 2) stream.keepBytes();
    }
    assert.equal(memory[1], memory[0]);
    assert.equal(memory[2], memory[1]);
    const last = gateway.request();
    worker.write(frame(FRAME_WHOLE, last.ticket));
    await last.answer;
    assert.notEqual(last.memory, memory[2]);
  });

  it("is refused when it is of another version of the protocol", async (t) => {
    const gateway = await Gateway.open(t);
    const stream = new WorkerStream(
      () => new Socket(),
      gateway.dispatcher,
      () => {},
      (error) => assert.ifError(error),
    );
    const bytes = hello(PID);
    bytes.writeUInt16LE(PROTOCOL_VERSION + 1, FRAME.status);
    const read = (): void => new ReplyReader(stream).read(bytes);
    assert.throws(read, { message: `worker speaks queue protocol ${PROTOCOL_VERSION + 1}` });
  });
});

describe("a dead process", () => {
  it("is not waited for any longer when the stream without a name turns out to be another's", async (t) => {
    const gateway = await Gateway.open(t);
    const other = await gateway.worker();
    await gateway.caughtUp();
    let isDone = false;
    const done = gateway.whenClosed(PID).then(() => {
      isDone = true;
    });
    await gateway.caughtUp();
    assert.equal(isDone, false, "it may be its own");
    other.write(hello(PID + 1));
    await done;
  });

  it("has no stream open when it never had one", async (t) => {
    const gateway = await Gateway.open(t);
    (await gateway.worker()).write(hello(PID));
    await gateway.caughtUp();
    await gateway.whenClosed(PID + 99);
  });

  it("is done when its last stream is closed, and all that it wrote is read", async (t) => {
    const gateway = await Gateway.open(t);
    const request = gateway.request();
    const [first, last] = [await gateway.worker(), await gateway.worker()];
    for (const worker of [first, last]) worker.write(hello(PID));
    await gateway.caughtUp();
    let isDone = false;
    const done = gateway.whenClosed(PID).then(() => {
      isDone = true;
    });
    first.destroy();
    await gateway.caughtUp();
    assert.equal(isDone, false);
    last.end(frame(FRAME_WHOLE, request.ticket, "its last words"));
    await done;
    assert.equal(request.isAnswered, true);
  });

  it("may be the one whose stream has not said yet whose it is", async (t) => {
    const gateway = await Gateway.open(t);
    const silent = await gateway.worker();
    await gateway.caughtUp();
    let isDone = false;
    const done = gateway.whenClosed(PID).then(() => {
      isDone = true;
    });
    await gateway.caughtUp();
    assert.equal(isDone, false);
    silent.destroy();
    await done;
  });
});
