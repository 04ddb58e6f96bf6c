import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { BusyPoll } from "../../../src/gateway/busy-poll.ts";
import { monotonicMs } from "../../../src/gateway/clock.ts";
import { Dispatcher, type Exchange, isLater, type QueueBounds } from "../../../src/gateway/dispatcher.ts";
import { WorkerStream } from "../../../src/gateway/worker-stream.ts";
import {
  arenaFile,
  BODY_INLINE,
  BODY_NONE,
  FRAME_END,
  FRAME_HEAD,
  FRAME_WHOLE,
  LOST_TICKET_GRACE_MS,
  RECORD,
  RECORD_PROBE,
  RECORD_READY,
  RECORD_WITHDRAWN,
  SCOREBOARD_FILE,
  SCOREBOARD_HEADER_BYTES,
  SLOT,
  SLOT_BYTES,
  SLOT_CLAIMED,
  SLOT_IDLE,
  SLOT_WORKING,
  TICKET_BYTES,
  TICKETS_FILE,
} from "../../../src/queue/layout.ts";
import type { FrameHeader } from "../../../src/queue/reply-reader.ts";
import { createScoreboard } from "../../../src/queue/scoreboard.ts";
import { TicketKeys } from "../../../src/queue/ticket-keys.ts";
import { replaceFs, systemError } from "../replace-fs.ts";
import { temporaryDirectory } from "../temporary-directory.ts";

const ROOT = temporaryDirectory();
const AGE = 2;
const PID = 4711;
/** Of all tickets, so that a reply can be made without a claim. */
const KEY = 0xc0de;
const NO_BOUNDS: QueueBounds = {
  length: Number.POSITIVE_INFINITY,
  ageMs: Number.POSITIVE_INFINITY,
};
const ENVIRON = Buffer.from("{0");
const NO_BYTES = Buffer.alloc(0);
/** A body of which a segment of the arena holds one. */
const LARGE = Buffer.alloc(40 * 1024);
/** Records of that size for which the arena has room. */
const ARENA_RECORDS = 512;

class Request implements Exchange {
  ticket = 0;
  queuedMs = Number.NaN;
  isAnswering = false;
  readonly events: string[] = [];

  onReplyFrame(
    _stream: WorkerStream,
    frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): boolean {
    this.isAnswering = true;
    this.events.push(`frame ${frame.kind} ${bytes.toString("latin1", start, end)}`);
    return complete && frame.kind === FRAME_WHOLE;
  }

  onReplyMore(_stream: WorkerStream, bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.events.push(`more ${bytes.toString("latin1", start, end)}`);
    return complete;
  }

  onWorkerDied(reason: string, ranMs: number, pid: number): void {
    this.events.push(`${pid} ${reason} after ${ranMs} ms`);
  }

  onLost(reason: string): void {
    this.events.push(`lost: ${reason}`);
  }

  onTimedOut(ranMs: number, pid: number): void {
    this.events.push(`${pid} timed out after ${ranMs} ms`);
  }

  onNotClaimed(): void {
    this.events.push("not claimed");
  }

  onNotStored(error: Error): void {
    this.events.push(`not stored: ${error.message}`);
  }
}

interface Ticket {
  readonly id: number;
  readonly offset: number;
  readonly key: number;
}

/** A dispatcher on a real FIFO, arena and scoreboard, and what workers do there. */
class Queue {
  readonly dispatcher: Dispatcher;
  readonly #directory = mkdtempSync(join(ROOT, "run-"));
  readonly #fifo: number;
  readonly #board: number;
  readonly #stream: WorkerStream;
  /** What the dispatcher has refused. */
  readonly faults: string[] = [];

  constructor(t: TestContext, capacity: number, bounds: QueueBounds = NO_BOUNDS) {
    t.mock.timers.reset();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    t.mock.method(TicketKeys.prototype, "next", () => KEY);
    execFileSync("mkfifo", [join(this.#directory, TICKETS_FILE)]);
    createScoreboard(join(this.#directory, SCOREBOARD_FILE), 4);
    this.dispatcher = new Dispatcher(this.#directory, AGE, bounds, new BusyPoll(0, 0));
    this.dispatcher.capacity = capacity;
    this.#fifo = openSync(join(this.#directory, TICKETS_FILE), constants.O_RDONLY | constants.O_NONBLOCK);
    this.#board = openSync(join(this.#directory, SCOREBOARD_FILE), "r+");
    this.#stream = new WorkerStream(() => new Socket(), this.dispatcher, {
      onNamed: () => {},
      onRefused: (_stream, fault) => this.faults.push(fault),
      onFault: (error) => assert.ifError(error),
    });
    t.after(() => this.#close());
  }

  /** A new request, which is in the queue now. */
  request(body: Buffer = NO_BYTES): Request {
    const request = new Request();
    assert.ok(this.dispatcher.enqueue(request, ENVIRON, body.length > 0 ? BODY_INLINE : BODY_NONE, [body]));
    return request;
  }

  /** The next ticket, as a worker reads it; null when there is none. */
  claim(): Ticket | null {
    const ticket = Buffer.alloc(TICKET_BYTES);
    try {
      assert.equal(readSync(this.#fifo, ticket), TICKET_BYTES);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return null;
    }
    assert.equal(ticket.readUInt32LE(0), AGE);
    return { id: ticket.readUInt32LE(4), offset: ticket.readUInt32LE(8), key: ticket.readUInt32LE(12) };
  }

  claimAll(): readonly Ticket[] {
    const tickets: Ticket[] = [];
    for (let ticket = this.claim(); ticket !== null; ticket = this.claim()) tickets.push(ticket);
    return tickets;
  }

  record({ offset }: Ticket): Buffer {
    const record = readFileSync(join(this.#directory, arenaFile(AGE))).subarray(offset);
    const lengths = [RECORD.environLength, RECORD.bodyLength].map((field) => record.readUInt32LE(field));
    return record.subarray(
      0,
      lengths.reduce((sum, length) => sum + length, RECORD.headerBytes),
    );
  }

  isReady(ticket: Ticket): boolean {
    const record = this.record(ticket);
    return record.readUInt32LE(RECORD.id) === ticket.id && record[RECORD.state] === RECORD_READY;
  }

  /** Notes on the scoreboard what a worker is on; 0: idle. */
  note(slot: number, ticket: number, gateway = AGE, state = ticket === 0 ? SLOT_IDLE : SLOT_WORKING): void {
    const bytes = Buffer.alloc(SLOT_BYTES);
    bytes.writeUInt8(state, SLOT.state);
    bytes.writeUInt32LE(gateway, SLOT.gateway);
    bytes.writeUInt32LE(ticket, SLOT.ticket);
    writeSync(this.#board, bytes, 0, bytes.length, SCOREBOARD_HEADER_BYTES + slot * SLOT_BYTES);
  }

  /** A whole reply. */
  answer(ticket: number): void {
    this.frame(FRAME_WHOLE, ticket, "reply", true);
  }

  frame(kind: number, ticket: number, payload: string, complete: boolean, key = KEY): void {
    const header = { kind, ticket, key, flags: 0, status: 200, headLength: 0, contentLength: -1 };
    const bytes = Buffer.from(payload);
    const frame = { ...header, payloadLength: bytes.length, claimed: 0 };
    this.dispatcher.onReplyFrame(this.#stream, frame, bytes, 0, bytes.length, complete);
  }

  more(ticket: number, payload: string, complete: boolean): void {
    const bytes = Buffer.from(payload);
    this.dispatcher.onReplyMore(this.#stream, ticket, bytes, 0, bytes.length, complete);
  }

  #close(): void {
    this.dispatcher.close();
    closeSync(this.#fifo);
    closeSync(this.#board);
  }
}

/** Turns of the event loop, in which what was scheduled for their end happens. */
async function turns(): Promise<void> {
  for (let count = 0; count < 4; count++) await new Promise(setImmediate);
}

/** What was withdrawn has had its time, and the second look is over. */
async function graceIsOver(t: TestContext): Promise<void> {
  t.mock.timers.tick(LOST_TICKET_GRACE_MS);
  await turns();
}

const ids = (tickets: readonly Ticket[]): readonly number[] => tickets.map(({ id }) => id);

describe("a request in the queue", () => {
  it("is a ticket and a record with its environ and body", (t) => {
    const queue = new Queue(t, 1);
    const before = monotonicMs();
    const request = queue.request(Buffer.from("body"));
    const ticket = queue.claim();
    assert.ok(ticket);
    assert.equal(ticket.id, request.ticket);
    const record = queue.record(ticket);
    assert.ok(queue.isReady(ticket));
    assert.equal(record[RECORD.bodyKind], BODY_INLINE);
    assert.equal(record.toString("latin1", RECORD.headerBytes), "{0body");
    const enqueued = record.readDoubleLE(RECORD.enqueued);
    assert.ok(enqueued >= before && enqueued <= monotonicMs());
    assert.equal(record.readDoubleLE(RECORD.claimBy), 0);
  });

  it("goes out at once while a worker may be idle, and with others at the end of the turn otherwise", async (t) => {
    const queue = new Queue(t, 1);
    const first = queue.request();
    assert.deepEqual(ids(queue.claimAll()), [first.ticket]);
    const others = [queue.request(), queue.request()];
    assert.equal(queue.claim(), null);
    await turns();
    assert.deepEqual(
      ids(queue.claimAll()),
      others.map(({ ticket }) => ticket),
    );
  });

  it("is given the frames of its reply, and is over with the last one", (t) => {
    const queue = new Queue(t, 2);
    const [request, other] = [queue.request(), queue.request()];
    queue.frame(FRAME_HEAD, request.ticket, "head", true);
    queue.frame(FRAME_WHOLE, request.ticket, "body", false);
    assert.equal(queue.dispatcher.length, 2);
    queue.more(request.ticket, " and ", false);
    queue.more(request.ticket, "end", true);
    assert.deepEqual(request.events, [
      `frame ${FRAME_HEAD} head`,
      `frame ${FRAME_WHOLE} body`,
      "more  and ",
      "more end",
    ]);
    assert.deepEqual(other.events, []);
    assert.equal(queue.dispatcher.length, 1);
  });

  it("gets nothing more once it is answered", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.answer(request.ticket);
    const { length } = request.events;
    queue.answer(request.ticket);
    queue.more(request.ticket, "late", true);
    assert.equal(request.events.length, length);
  });

  it("leaves its place in the arena to later ones when it is answered", (t) => {
    const queue = new Queue(t, 1);
    const offsets = [1, 2, 3].map(() => {
      const request = queue.request(LARGE);
      const ticket = queue.claim();
      queue.answer(request.ticket);
      return ticket?.offset;
    });
    assert.deepEqual(offsets, [0, 0, 0]);
  });
});

describe("a request whose client leaves", () => {
  it("is withdrawn, so that who claims its ticket drops it", (t) => {
    const queue = new Queue(t, 2);
    const [left, stays] = [queue.request(), queue.request()];
    queue.dispatcher.withdraw(left);
    const [first, second] = queue.claimAll() as [Ticket, Ticket];
    assert.equal(queue.record(first)[RECORD.state], RECORD_WITHDRAWN);
    assert.ok(queue.isReady(second));
    assert.equal(second.id, stays.ticket);
    assert.equal(queue.dispatcher.length, 1);
  });

  it("is withdrawn also when its ticket has not gone out yet", async (t) => {
    const queue = new Queue(t, 0);
    const request = queue.request();
    queue.dispatcher.withdraw(request);
    await turns();
    const ticket = queue.claim();
    assert.ok(ticket === null || !queue.isReady(ticket));
  });

  it("gets no reply any more", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.dispatcher.withdraw(request);
    queue.answer(request.ticket);
    queue.dispatcher.timeOut(request.ticket, 1, PID);
    queue.dispatcher.forgetWorker(PID, "died", [{ gateway: AGE, ticket: request.ticket, ranMs: 1 }]);
    assert.deepEqual(request.events, []);
  });

  it("keeps its place until a later ticket is claimed, because the ticket still points there", (t) => {
    const queue = new Queue(t, 3);
    const left = queue.request(LARGE);
    queue.dispatcher.withdraw(left);
    const second = queue.request(LARGE);
    const [withdrawn, claimed] = queue.claimAll() as [Ticket, Ticket];
    assert.notEqual(claimed.offset, withdrawn.offset);
    queue.answer(second.ticket);
    const offsets = [queue.request(LARGE), queue.request(LARGE)].map(() => queue.claim()?.offset);
    assert.ok(offsets.includes(withdrawn.offset));
  });

  it("may be withdrawn twice, or when it was answered", (t) => {
    const queue = new Queue(t, 2);
    const [answered, left] = [queue.request(), queue.request()];
    queue.answer(answered.ticket);
    for (const request of [answered, left, left]) queue.dispatcher.withdraw(request);
    assert.equal(queue.dispatcher.length, 0);
  });
});

describe("a request that is to be withdrawn only if nobody has claimed it", () => {
  function withdrawn(queue: Queue, request: Request): { readonly count: number } {
    const calls = { count: 0 };
    queue.dispatcher.withdrawIfUnclaimed(request, () => {
      calls.count++;
    });
    return calls;
  }

  it("is withdrawn when no worker is on it, once that is sure", async (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    const calls = withdrawn(queue, request);
    assert.equal(calls.count, 0);
    await graceIsOver(t);
    assert.equal(calls.count, 1);
    assert.ok(!queue.isReady(queue.claim() as Ticket));
    assert.equal(queue.dispatcher.length, 0);
    assert.deepEqual(request.events, []);
  });

  it("is left alone when a worker is on it", async (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.note(0, request.ticket);
    const calls = withdrawn(queue, request);
    await graceIsOver(t);
    assert.equal(calls.count, 0);
    assert.ok(queue.isReady(queue.claim() as Ticket));
    queue.answer(request.ticket);
    assert.equal(request.events.length, 1);
  });

  it("is left alone when its reply comes in the meantime", async (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    const calls = withdrawn(queue, request);
    queue.answer(request.ticket);
    await graceIsOver(t);
    assert.equal(calls.count, 0);
  });

  it("is withdrawn at once when it is not in the queue", (t) => {
    const queue = new Queue(t, 1);
    assert.equal(withdrawn(queue, new Request()).count, 1);
  });
});

describe("requests for which the arena has no room", () => {
  function fill(t: TestContext): { queue: Queue; requests: Request[]; tickets: readonly Ticket[] } {
    const queue = new Queue(t, ARENA_RECORDS);
    const requests = Array.from({ length: ARENA_RECORDS }, () => queue.request(LARGE));
    return { queue, requests, tickets: queue.claimAll() };
  }

  it("wait in the gateway, and go out in their order as there is room", async (t) => {
    const { queue, requests, tickets } = fill(t);
    assert.equal(tickets.length, ARENA_RECORDS);
    const waiting = [queue.request(LARGE), queue.request(), queue.request(LARGE)];
    assert.deepEqual(queue.claimAll(), []);
    assert.equal(queue.dispatcher.length, ARENA_RECORDS + 3);
    for (const { ticket } of requests.slice(0, 2)) queue.answer(ticket);
    await turns();
    const claimed = queue.claimAll();
    assert.deepEqual(
      ids(claimed),
      waiting.map(({ ticket }) => ticket),
    );
    assert.ok(claimed.every((ticket) => queue.isReady(ticket)));
  });

  it("keep the environ that they came with", async (t) => {
    const { queue, requests } = fill(t);
    const environ = Buffer.from("{z\x01az\x01b0");
    queue.dispatcher.enqueue(new Request(), environ, BODY_NONE, []);
    environ.fill("x");
    queue.answer((requests[0] as Request).ticket);
    await turns();
    const [ticket] = queue.claimAll() as [Ticket];
    assert.equal(queue.record(ticket).toString("latin1", RECORD.headerBytes), "{z\x01az\x01b0");
  });

  it("leave when their clients do", async (t) => {
    const { queue, requests } = fill(t);
    const [left, stays] = [queue.request(LARGE), queue.request(LARGE)];
    queue.dispatcher.withdraw(left);
    queue.answer((requests[0] as Request).ticket);
    await turns();
    assert.deepEqual(ids(queue.claimAll()), [stays.ticket]);
  });

  it("get room when a reply shows that withdrawn tickets have been read", async (t) => {
    const { queue, requests } = fill(t);
    for (const request of requests) queue.dispatcher.withdraw(request);
    const waiting = queue.request(LARGE);
    queue.answer((requests.at(-1) as Request).ticket);
    await turns();
    assert.deepEqual(ids(queue.claimAll().slice(1)), [waiting.ticket]);
  });

  it("get room when all others have left, and no reply ever comes", async (t) => {
    const { queue, requests } = fill(t);
    const waiting = queue.request(LARGE);
    for (const request of requests) queue.dispatcher.withdraw(request);
    const [probe, ...others] = queue.claimAll() as [Ticket];
    assert.equal(queue.record(probe)[RECORD.state], RECORD_PROBE);
    assert.deepEqual(others, [], "one probe is enough");
    queue.frame(FRAME_END, probe.id, "", true);
    await turns();
    assert.deepEqual(ids(queue.claimAll()), [waiting.ticket]);
  });

  it("get room also when a worker has died with the probe", async (t) => {
    const { queue, requests } = fill(t);
    for (const request of requests) queue.dispatcher.withdraw(request);
    const waiting = queue.request(LARGE);
    assert.equal(queue.claimAll().length, 1);
    queue.dispatcher.forgetWorker(PID, "died", []);
    const [probe] = queue.claimAll() as [Ticket];
    queue.frame(FRAME_END, probe.id, "", true);
    await turns();
    assert.deepEqual(ids(queue.claimAll()), [waiting.ticket]);
  });
});

describe("a request that is larger than the arena", () => {
  it("is refused, and holds up nobody", (t) => {
    const queue = new Queue(t, 2);
    const huge = new Request();
    const environ = Buffer.alloc(ARENA_RECORDS * 64 * 1024);
    assert.ok(queue.dispatcher.enqueue(huge, environ, BODY_NONE, []));
    assert.deepEqual(huge.events, ["not stored: the request is larger than the arena"]);
    const next = queue.request();
    assert.deepEqual(ids(queue.claimAll()), [next.ticket]);
  });
});

describe("a full FIFO", () => {
  it("gets its tickets later, in order", async (t) => {
    const queue = new Queue(t, 0);
    const requests = Array.from({ length: 5000 }, () => queue.request());
    await turns();
    const seen = [...queue.claimAll()];
    assert.ok(seen.length < requests.length);
    t.mock.timers.tick(5);
    seen.push(...queue.claimAll());
    assert.deepEqual(
      ids(seen),
      requests.map(({ ticket }) => ticket),
    );
  });
});

describe("a tmpfs without room", () => {
  it("costs the requests whose records are not written, and no ticket tells of them", async (t) => {
    const queue = new Queue(t, 1);
    const stored = queue.request();
    const lost = [queue.request(), queue.request()];
    const restore = replaceFs(t, "writeSync", () => {
      throw systemError("ENOSPC");
    });
    await turns();
    restore();
    for (const { events } of lost) assert.deepEqual(events, ["not stored: ENOSPC: so says the test"]);
    assert.equal(queue.dispatcher.length, 1);
    const next = queue.request();
    await turns();
    assert.deepEqual(ids(queue.claimAll()), [stored.ticket, next.ticket]);
  });
});

describe("the bounds of the queue", () => {
  it("refuse a request when as many wait as may, not counting those in work", (t) => {
    const queue = new Queue(t, 2, { ...NO_BOUNDS, length: 3 });
    const requests = Array.from({ length: 5 }, () => queue.request());
    assert.ok(!queue.dispatcher.enqueue(new Request(), ENVIRON, BODY_NONE, []));
    queue.answer((requests[0] as Request).ticket);
    assert.ok(queue.dispatcher.enqueue(new Request(), ENVIRON, BODY_NONE, []));
  });

  it("give up what nobody has claimed in time", async (t) => {
    const queue = new Queue(t, 2, { ...NO_BOUNDS, ageMs: 1000 });
    const [claimed, waiting] = [queue.request(), queue.request()];
    const [, ticket] = queue.claimAll() as [Ticket, Ticket];
    const enqueued = queue.record(ticket).readDoubleLE(RECORD.enqueued);
    queue.note(0, claimed.ticket);
    queue.dispatcher.sweep(enqueued + 1000);
    await graceIsOver(t);
    assert.deepEqual(waiting.events, []);
    queue.dispatcher.sweep(enqueued + 1001);
    await graceIsOver(t);
    assert.deepEqual(waiting.events, ["not claimed"]);
    assert.deepEqual(claimed.events, []);
    assert.equal(queue.dispatcher.length, 1);
  });

  it("are told to the workers too", (t) => {
    const queue = new Queue(t, 1, { ...NO_BOUNDS, ageMs: 1000 });
    queue.request();
    const record = queue.record(queue.claim() as Ticket);
    assert.equal(record.readDoubleLE(RECORD.claimBy), record.readDoubleLE(RECORD.enqueued) + 1000);
  });

  it("leave a request alone that somebody has claimed while it was being withdrawn", async (t) => {
    const queue = new Queue(t, 1, { ...NO_BOUNDS, ageMs: 1000 });
    const request = queue.request();
    queue.dispatcher.sweep(monotonicMs() + 1001);
    queue.note(0, request.ticket);
    await graceIsOver(t);
    assert.deepEqual(request.events, []);
    queue.answer(request.ticket);
    assert.equal(request.events.length, 1);
  });

  it("give up what waits for room in the arena", (t) => {
    const queue = new Queue(t, ARENA_RECORDS, { ...NO_BOUNDS, ageMs: 1000 });
    for (let nr = 0; nr < ARENA_RECORDS; nr++) queue.request(LARGE);
    const waiting = queue.request(LARGE);
    queue.dispatcher.sweep(monotonicMs() + 1001);
    assert.deepEqual(waiting.events, ["not claimed"]);
  });
});

describe("a worker that died", () => {
  it("leaves its requests answered, and those of others alone", (t) => {
    const queue = new Queue(t, 2);
    const [lost, other] = [queue.request(), queue.request()];
    queue.dispatcher.forgetWorker(PID, "was killed by SIGSEGV", [
      { gateway: AGE, ticket: lost.ticket, ranMs: 250 },
      { gateway: AGE + 1, ticket: other.ticket, ranMs: 9 },
    ]);
    assert.deepEqual(lost.events, [`${PID} was killed by SIGSEGV after 250 ms`]);
    assert.deepEqual(other.events, []);
    assert.equal(queue.dispatcher.length, 1);
  });
});

describe("a request that runs too long", () => {
  it("is over for the client", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.dispatcher.timeOut(request.ticket, 30_000, PID);
    queue.dispatcher.timeOut(request.ticket, 30_250, PID);
    assert.deepEqual(request.events, [`${PID} timed out after 30000 ms`]);
    assert.equal(queue.dispatcher.length, 0);
  });
});

describe("a ticket that was lost with its worker", () => {
  /** The first ticket was read by a worker that died before it noted it; the second one is in work. */
  function lose(t: TestContext): { queue: Queue; lost: Request; ticket: Ticket; probe: Ticket } {
    const queue = new Queue(t, 4);
    const [lost, inWork] = [queue.request(Buffer.from("body")), queue.request()];
    const [ticket] = queue.claimAll() as [Ticket, Ticket];
    queue.note(0, inWork.ticket);
    queue.dispatcher.forgetWorker(PID, "died", []);
    const [probe] = queue.claimAll() as [Ticket];
    assert.equal(queue.record(probe)[RECORD.state], RECORD_PROBE);
    return { queue, lost, ticket, probe };
  }

  it("is given out again under a new id, with the same record, when a probe has come through", async (t) => {
    const { queue, lost, ticket, probe } = lose(t);
    queue.frame(FRAME_END, probe.id, "", true);
    assert.ok(!queue.isReady(ticket), "who has it in hand after all drops it");
    assert.equal(queue.claim(), null);
    await graceIsOver(t);
    const [again, ...others] = queue.claimAll() as [Ticket];
    assert.deepEqual(others, [], "the one in work is left alone");
    assert.equal(again.id, lost.ticket);
    assert.notEqual(again.id, ticket.id);
    assert.ok(queue.isReady(again));
    assert.equal(queue.record(again).toString("latin1", RECORD.headerBytes), "{0body");
    queue.answer(again.id);
    assert.equal(lost.events.length, 1);
  });

  it("is not thought to be lost before, because it may still be in the FIFO", async (t) => {
    const { queue, ticket } = lose(t);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
    assert.ok(queue.isReady(ticket));
  });

  it("is another one than those that came after the worker's death", async (t) => {
    const { queue, lost, probe } = lose(t);
    const after = queue.request();
    queue.claim();
    queue.frame(FRAME_END, probe.id, "", true);
    await graceIsOver(t);
    assert.deepEqual(ids(queue.claimAll()), [lost.ticket]);
    assert.notEqual(after.ticket, lost.ticket);
  });

  it("is left alone when a worker has noted it", async (t) => {
    const { queue, ticket, probe } = lose(t);
    queue.note(1, ticket.id);
    queue.frame(FRAME_END, probe.id, "", true);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
    assert.ok(queue.isReady(ticket));
  });

  it("is not taken for another gateway's ticket of the same id", async (t) => {
    const { queue, lost, ticket, probe } = lose(t);
    queue.note(1, ticket.id, AGE + 1);
    queue.frame(FRAME_END, probe.id, "", true);
    await graceIsOver(t);
    assert.deepEqual(ids(queue.claimAll()), [lost.ticket]);
  });

  it("is not given out again when a worker notes it before the second look", async (t) => {
    const { queue, lost, ticket, probe } = lose(t);
    queue.frame(FRAME_END, probe.id, "", true);
    queue.note(1, ticket.id);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
    queue.answer(ticket.id);
    assert.equal(lost.events.length, 1);
  });

  it("is given out again when who noted it has dropped it", async (t) => {
    const { queue, lost, ticket, probe } = lose(t);
    queue.frame(FRAME_END, probe.id, "", true);
    queue.note(1, ticket.id, AGE, SLOT_CLAIMED);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
    queue.note(1, 0);
    await graceIsOver(t);
    assert.deepEqual(ids(queue.claimAll()), [lost.ticket]);
  });

  it("is not given out again when its reply comes in the meantime", async (t) => {
    const { queue, lost, ticket, probe } = lose(t);
    queue.frame(FRAME_END, probe.id, "", true);
    queue.answer(ticket.id);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
    assert.equal(lost.events.length, 1);
  });

  it("is not given out again when its client leaves in the meantime", async (t) => {
    const { queue, lost, probe } = lose(t);
    queue.frame(FRAME_END, probe.id, "", true);
    queue.dispatcher.withdraw(lost);
    await graceIsOver(t);
    assert.equal(queue.claim(), null);
  });

  it("is not looked for when no request is without an answer", (t) => {
    const queue = new Queue(t, 2);
    const answering = queue.request();
    queue.claim();
    queue.frame(FRAME_HEAD, answering.ticket, "head", true);
    queue.dispatcher.forgetWorker(PID, "died", []);
    assert.equal(queue.claim(), null);
  });
});

describe("a frame", () => {
  it("is refused without the key of its ticket, and the request is left alone", (t) => {
    const queue = new Queue(t, 2);
    const request = queue.request();
    queue.frame(FRAME_WHOLE, request.ticket, "forged", true, KEY + 1);
    assert.deepEqual(queue.faults, ["a frame for another worker's request"]);
    assert.deepEqual(request.events, []);
    assert.equal(queue.dispatcher.length, 1);
  });

  it("is refused when it answers a probe that it has not claimed", (t) => {
    const queue = new Queue(t, 1);
    queue.request();
    queue.claim();
    queue.dispatcher.forgetWorker(PID, "died", []);
    const probe = queue.claim() as Ticket;
    queue.frame(FRAME_END, probe.id, "", true, KEY + 1);
    queue.frame(FRAME_WHOLE, probe.id, "no end", true);
    assert.equal(queue.faults.length, 1, "a refused stream is read no more");
  });

  it("of a ticket that was never given out makes no room", (t) => {
    const queue = new Queue(t, 3);
    const left = queue.request(LARGE);
    queue.dispatcher.withdraw(left);
    const withdrawn = queue.claim() as Ticket;
    queue.answer(withdrawn.id + 1000);
    const offsets = [1, 2].map(() => {
      queue.request(LARGE);
      return queue.claim()?.offset;
    });
    assert.ok(!offsets.includes(withdrawn.offset), "its ticket may still be read");
  });
});

describe("a request without a reply", () => {
  const LATE = 1001;
  const DONE = "lost: No reply has come from the worker that is done with";
  const PASSED = "lost: No worker has answered, and the queue has moved past";

  function sweeps(queue: Queue, count = 2): void {
    for (let nr = 0; nr < count; nr++) queue.dispatcher.sweep(monotonicMs() + LATE);
  }

  it("is lost when its thread is done with it", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.note(0, request.ticket);
    sweeps(queue);
    queue.note(0, request.ticket, AGE, SLOT_IDLE);
    sweeps(queue, 1);
    assert.deepEqual(request.events, [], "the reply may be on its way");
    sweeps(queue, 1);
    assert.deepEqual(request.events, [DONE]);
    assert.equal(queue.dispatcher.length, 0);
  });

  it("is lost when its thread is on another one", (t) => {
    const queue = new Queue(t, 2);
    const [request, next] = [queue.request(), queue.request()];
    queue.note(0, request.ticket);
    sweeps(queue);
    queue.note(0, next.ticket);
    sweeps(queue);
    assert.deepEqual(request.events, [DONE]);
    assert.deepEqual(next.events, []);
  });

  it("may take as long as its thread is on it", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.note(0, request.ticket);
    sweeps(queue, 50);
    assert.deepEqual(request.events, []);
  });

  it("is waited for while the replies of its thread wait for a client", (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    queue.dispatcher.streams = { isPaused: (slot) => slot === 0 };
    queue.note(0, request.ticket, AGE, SLOT_IDLE);
    sweeps(queue, 50);
    assert.deepEqual(request.events, []);
  });

  it("is lost when a later ticket was claimed, and nobody is on it", async (t) => {
    const queue = new Queue(t, 2);
    const [dropped, next] = [queue.request(), queue.request()];
    const [ticket] = queue.claimAll() as [Ticket];
    queue.answer(next.ticket);
    sweeps(queue);
    assert.ok(!queue.isReady(ticket), "who has it in hand after all drops it");
    await graceIsOver(t);
    assert.deepEqual(dropped.events, [PASSED], "it may have run, so it is not run again");
  });

  it("is found when the queue has swallowed its ticket, and no other comes", async (t) => {
    const queue = new Queue(t, 2);
    const swallowed = queue.request();
    queue.claim();
    sweeps(queue, 1);
    const probe = queue.claim() as Ticket;
    assert.equal(queue.record(probe)[RECORD.state], RECORD_PROBE);
    queue.frame(FRAME_END, probe.id, "", true);
    sweeps(queue);
    await graceIsOver(t);
    assert.deepEqual(swallowed.events, [PASSED]);
  });

  it("is not lost while it waits in the queue", async (t) => {
    const queue = new Queue(t, 1);
    const request = queue.request();
    sweeps(queue, 50);
    await graceIsOver(t);
    assert.deepEqual(request.events, []);
    assert.ok(queue.isReady(queue.claim() as Ticket));
  });
});

describe("a request in work", () => {
  it("leaves its place in the arena to others as soon as they need it", async (t) => {
    const queue = new Queue(t, ARENA_RECORDS);
    const requests = Array.from({ length: ARENA_RECORDS }, () => queue.request(LARGE));
    queue.claimAll();
    for (const [slot, { ticket }] of requests.slice(0, 3).entries()) queue.note(slot, ticket);
    const others = [queue.request(LARGE), queue.request(LARGE), queue.request(LARGE)];
    t.mock.timers.tick(5);
    await turns();
    assert.deepEqual(
      ids(queue.claimAll()),
      others.map(({ ticket }) => ticket),
    );
  });

  it("gives its place free once, whatever becomes of it", async (t) => {
    const queue = new Queue(t, ARENA_RECORDS);
    const requests = Array.from({ length: ARENA_RECORDS }, () => queue.request(LARGE));
    queue.claimAll();
    const [answered, left, dead] = requests as [Request, Request, Request];
    for (const [slot, { ticket }] of [answered, left, dead].entries()) queue.note(slot, ticket);
    const others = [queue.request(LARGE), queue.request(LARGE), queue.request(LARGE)];
    t.mock.timers.tick(5);
    await turns();
    const tickets = queue.claimAll();
    queue.answer(answered.ticket);
    queue.dispatcher.withdraw(left);
    queue.dispatcher.forgetWorker(PID, "died", [{ gateway: AGE, ticket: dead.ticket, ranMs: 1 }]);
    const late = queue.request(LARGE);
    t.mock.timers.tick(5);
    await turns();
    assert.ok(
      tickets.every((ticket) => queue.isReady(ticket)),
      "their records are untouched",
    );
    assert.equal(others.length, tickets.length);
    assert.ok(!ids(queue.claimAll()).includes(late.ticket), "there is no room for more");
  });

  it("leaves its place alone while its record is being read", async (t) => {
    const queue = new Queue(t, ARENA_RECORDS);
    const requests = Array.from({ length: ARENA_RECORDS }, () => queue.request(LARGE));
    queue.claimAll();
    queue.note(0, (requests[0] as Request).ticket, AGE, SLOT_CLAIMED);
    queue.request(LARGE);
    t.mock.timers.tick(5);
    await turns();
    assert.deepEqual(queue.claimAll(), []);
  });
});

describe("ids", () => {
  it("are later or earlier than others, also over the wrap", () => {
    const last = 0xffffffff;
    assert.ok(isLater(2, 1));
    assert.ok(!isLater(1, 2));
    assert.ok(!isLater(1, 1));
    assert.ok(isLater(1, last), "given out after the wrap");
    assert.ok(!isLater(last, 1));
    assert.ok(isLater(0x80000000, 0x7fffffff));
    assert.ok(isLater(1, 0));
  });

  it("count up from a number that nobody can guess", (t) => {
    const queue = new Queue(t, 9);
    const [first = 0, ...others] = [1, 2, 3].map(() => queue.request().ticket);
    assert.deepEqual(others, [first + 1, first + 2]);
    assert.notEqual(first, new Queue(t, 9).request().ticket);
  });
});

describe("a dispatcher that is closed", () => {
  it("takes its arena along", (t) => {
    const directory = mkdtempSync(join(ROOT, "run-"));
    execFileSync("mkfifo", [join(directory, TICKETS_FILE)]);
    createScoreboard(join(directory, SCOREBOARD_FILE), 1);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    new Dispatcher(directory, AGE, NO_BOUNDS, new BusyPoll(0, 0)).close();
    assert.throws(() => readFileSync(join(directory, arenaFile(AGE))), { code: "ENOENT" });
  });
});
