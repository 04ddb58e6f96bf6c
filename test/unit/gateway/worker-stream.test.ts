import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net, { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { BusyPoll } from "../../../src/gateway/busy-poll.ts";
import { Dispatcher, type Exchange } from "../../../src/gateway/dispatcher.ts";
import { type WorkerStream, WorkerStreams } from "../../../src/gateway/worker-stream.ts";
import {
  BODY_NONE,
  FRAME,
  FRAME_HELLO,
  FRAME_WHOLE,
  PROTOCOL_VERSION,
  repliesFile,
  SCOREBOARD_FILE,
  SCOREBOARD_HEADER_BYTES,
  SLOT,
  SLOT_BYTES,
  SLOT_IDLE,
  SLOT_WORKING,
  TICKETS_FILE,
} from "../../../src/queue/layout.ts";
import type { FrameHeader } from "../../../src/queue/reply-reader.ts";
import { createScoreboard } from "../../../src/queue/scoreboard.ts";
import { TicketKeys } from "../../../src/queue/ticket-keys.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const AGE = 1;
/** Of the worker on the first slot; those on the others have the next ones. */
const PID = 4711;
const SLOTS = 4;
const KEY = 0xc0de;
const HEAD = "200 OK\r\n";

/** Settles when the frame of its reply has come, with the stream that brought it. */
class Request implements Exchange {
  ticket = 0;
  queuedMs = Number.NaN;
  isAnswering = false;
  isAnswered = false;
  died = "";
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
    this.#resolve({ stream, payload: bytes.toString("latin1", start + HEAD.length, end) });
    return true;
  }

  onReplyMore(): boolean {
    return assert.fail("the frames are small");
  }

  onWorkerDied(reason: string): void {
    this.died = reason;
  }
  onLost(): void {}
  onTimedOut(): void {}
  onNotClaimed(): void {}
  onNotStored(): void {}
}

function frame(kind: number, ticket: number, payload = ""): Buffer {
  const header = Buffer.alloc(FRAME.headerBytes);
  const head = kind === FRAME_WHOLE ? HEAD : "";
  header.writeUInt32LE(head.length + payload.length, FRAME.payloadLength);
  header.writeUInt8(kind, FRAME.kind);
  header.writeUInt16LE(200, FRAME.status);
  header.writeUInt32LE(ticket, FRAME.ticket);
  header.writeUInt32LE(kind === FRAME_HELLO ? 0 : KEY, FRAME.key);
  header.writeUInt32LE(head.length, FRAME.headLength);
  header.writeDoubleLE(-1, FRAME.contentLength);
  return Buffer.concat([header, Buffer.from(head + payload)]);
}

/** Of the worker whose slot that is. */
function hello(pid: number): Buffer {
  const bytes = frame(FRAME_HELLO, 1);
  bytes.writeUInt32LE(pid - PID, FRAME.headLength);
  bytes.writeUInt16LE(PROTOCOL_VERSION, FRAME.status);
  bytes.writeDoubleLE(pid, FRAME.contentLength);
  return bytes;
}

/** A gateway's end of the reply streams, and workers that connect to it. */
class Gateway {
  readonly streams: WorkerStreams;
  readonly dispatcher: Dispatcher;
  /** What it has closed streams for. */
  readonly refused: string[] = [];
  readonly #scoreboard: string;
  readonly #path: string;
  readonly #t: TestContext;

  private constructor(t: TestContext, directory: string, onListening: () => void) {
    this.#t = t;
    this.#path = join(directory, repliesFile(AGE));
    execFileSync("mkfifo", [join(directory, TICKETS_FILE)]);
    t.mock.method(TicketKeys.prototype, "next", () => KEY);
    this.#scoreboard = join(directory, SCOREBOARD_FILE);
    createScoreboard(this.#scoreboard, SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) this.note(slot, 0, SLOT_IDLE);
    const bounds = { length: Number.POSITIVE_INFINITY, ageMs: Number.POSITIVE_INFINITY };
    this.dispatcher = new Dispatcher(directory, AGE, bounds, new BusyPoll(0, 0));
    this.dispatcher.capacity = 9;
    closeServers(t);
    this.streams = new WorkerStreams(this.#path, this.dispatcher, {
      onListening,
      onRefused: ({ pid }, fault) => this.refused.push(`${pid} sent ${fault}`),
      onFault: (error) => assert.ifError(error),
      onAcceptError: (code) => assert.fail(code),
    });
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

  /** Writes what the thread on this slot would: whose it is, and what it is on. */
  note(slot: number, ticket: number, state: number): void {
    const bytes = Buffer.alloc(SLOT_BYTES);
    bytes.writeUInt32LE(1, SLOT.age);
    bytes.writeUInt32LE(PID + slot, SLOT.pid);
    bytes.writeUInt8(state, SLOT.state);
    bytes.writeUInt32LE(ticket === 0 ? 0 : AGE, SLOT.gateway);
    bytes.writeUInt32LE(ticket, SLOT.ticket);
    const fd = openSync(this.#scoreboard, "r+");
    writeSync(fd, bytes, 0, bytes.length, SCOREBOARD_HEADER_BYTES + slot * SLOT_BYTES);
    closeSync(fd);
  }

  /** Resolves when all has been read that was written before. */
  async caughtUp(): Promise<void> {
    const request = this.request();
    const worker = await this.worker();
    worker.write(Buffer.concat([hello(PID + SLOTS - 1), frame(FRAME_WHOLE, request.ticket)]));
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
    const bytes = hello(PID);
    bytes.writeUInt16LE(PROTOCOL_VERSION + 1, FRAME.status);
    await refusal(gateway, bytes);
    assert.deepEqual(gateway.refused, [`0 sent a HELLO of queue protocol ${PROTOCOL_VERSION + 1}`]);
  });

  it("is refused when the slot is not that of the worker which it says it is", async (t) => {
    const gateway = await Gateway.open(t);
    for (const [field, value] of [
      [FRAME.ticket, 2],
      [FRAME.headLength, 1],
      [FRAME.headLength, 0xffffffff],
    ] as const) {
      const bytes = hello(PID);
      bytes.writeUInt32LE(value, field);
      await refusal(gateway, bytes);
    }
    assert.equal(gateway.refused.length, 3);
    for (const line of gateway.refused)
      assert.match(line, /^0 sent a HELLO as worker \d \(pid:4711\), which is not on slot/);
  });

  it("is refused when bytes come that are no frame, and its worker's request is over", async (t) => {
    const gateway = await Gateway.open(t);
    const request = gateway.request();
    gateway.note(0, request.ticket, SLOT_WORKING);
    await refusal(gateway, Buffer.concat([hello(PID), Buffer.from("print debugging ".repeat(9))]));
    assert.equal(gateway.refused.length, 1);
    assert.match(gateway.refused[0] as string, /^4711 sent /);
    assert.match(request.died, /^sent /);
    assert.equal(gateway.dispatcher.length, 0);
  });

  it("is refused when a thread is done with a reply that it has not ended", async (t) => {
    const gateway = await Gateway.open(t);
    const request = gateway.request();
    gateway.note(0, request.ticket, SLOT_WORKING);
    const worker = await gateway.worker();
    const closed = once(worker, "close");
    worker.write(Buffer.concat([hello(PID), frame(FRAME_WHOLE, request.ticket, "half").subarray(0, -2)]));
    await gateway.caughtUp();
    for (let sweeps = 0; sweeps < 9; sweeps++) gateway.streams.sweep();
    assert.deepEqual(gateway.refused, [], "its thread is on it");
    gateway.note(0, request.ticket, SLOT_IDLE);
    gateway.streams.sweep();
    assert.deepEqual(gateway.refused, []);
    gateway.streams.sweep();
    assert.deepEqual(gateway.refused, [`${PID} sent a reply without an end`]);
    worker.resume();
    await closed;
  });

  it("is kept when its quick thread is on the next ticket whenever somebody looks", async (t) => {
    const gateway = await Gateway.open(t);
    const worker = await gateway.worker();
    for (let sweeps = 0; sweeps < 5; sweeps++) gateway.streams.sweep(); // it has not said whose it is
    let before = hello(PID);
    for (let sweeps = 0; sweeps < 9; sweeps++) {
      const request = gateway.request();
      const next = gateway.request();
      gateway.note(0, next.ticket, SLOT_WORKING);
      const reply = frame(FRAME_WHOLE, request.ticket, "half");
      worker.write(Buffer.concat([before, reply.subarray(0, -2)]));
      await gateway.caughtUp();
      gateway.streams.sweep();
      before = reply.subarray(-2);
    }
    assert.deepEqual(gateway.refused, []);
  });

  it("is closed when it does not say whose it is", async (t) => {
    const gateway = await Gateway.open(t);
    const worker = await gateway.worker();
    await gateway.caughtUp();
    for (let sweeps = 0; sweeps < 20; sweeps++) gateway.streams.sweep();
    assert.deepEqual(gateway.refused, ["0 sent no HELLO"]);
    worker.resume();
    await once(worker, "close");
  });

  it("gives way to another when there are too many, if its thread is on nothing", async (t) => {
    const gateway = await Gateway.open(t);
    gateway.streams.limit = 2;
    const workers: Socket[] = [];
    for (const pid of [PID, PID + 1, PID + 2]) {
      const request = gateway.request();
      const worker = await gateway.worker();
      worker.write(Buffer.concat([hello(pid), frame(FRAME_WHOLE, request.ticket)]));
      workers.push(worker);
      await request.answer;
      gateway.note(0, request.ticket, SLOT_WORKING);
    }
    const [busy, idle] = workers as [Socket, Socket, Socket];
    idle.resume();
    await once(idle, "close");
    assert.equal(busy.destroyed, false);
    assert.deepEqual(gateway.refused, []);
  });
});

/** Resolves when the gateway has closed a stream that began with these bytes. */
async function refusal(gateway: Gateway, bytes: Buffer): Promise<void> {
  const worker = await gateway.worker();
  worker.on("error", () => {}); // reset: what it sent was not read
  worker.write(bytes);
  worker.resume();
  await once(worker, "close");
}

describe("a dead process", () => {
  it("is not waited for any longer when the stream without a name turns out to be another's", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so no stream is ever quiet for long, however slow this is
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
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so no stream is ever quiet for long, however slow this is
    const gateway = await Gateway.open(t);
    (await gateway.worker()).write(hello(PID));
    await gateway.caughtUp();
    await gateway.whenClosed(PID + 99);
  });

  it("is done when its last stream is closed, and all that it wrote is read", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so no stream is ever quiet for long, however slow this is
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
    t.mock.timers.enable({ apis: ["setTimeout"] }); // so no stream is ever quiet for long, however slow this is
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

  it("is done when its stream, which another process holds open, has been quiet for a while", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const gateway = await Gateway.open(t);
    const request = gateway.request();
    const held = await gateway.worker();
    const silent = await gateway.worker();
    held.write(hello(PID));
    await gateway.caughtUp();
    let isDone = false;
    const done = gateway.whenClosed(PID).then(() => {
      isDone = true;
    });
    await gateway.caughtUp();
    held.write(frame(FRAME_WHOLE, request.ticket, "its last words"));
    await request.answer;
    t.mock.timers.tick(50);
    await gateway.caughtUp();
    assert.equal(isDone, false, "it was not quiet");
    t.mock.timers.tick(50);
    await done;
    await once(held.resume(), "close");
    assert.equal(silent.destroyed, false, "it may be another's");
  });
});
