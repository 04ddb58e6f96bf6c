/**
 * The gateway's side of the request queue: puts complete requests into the arena and the FIFO, finds the exchange that
 * a reply belongs to, takes back what nobody wants any more, and sees to it that no request is lost with a worker.
 *
 * When a ticket goes out (measured, see docs/decisions/0002):
 * 1. at once while a worker thread may be idle, because waking it is what takes long;
 * 2. otherwise once per event-loop turn, many in one write, because all threads are busy anyway.
 *
 * Runs in: gateway.
 */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { Arena, type RecordPlace } from "../queue/arena.ts";
import type { BodyPlace } from "../queue/body-place.ts";
import type { UnfinishedWork } from "../queue/gateway-messages.ts";
import { arenaFile, SCOREBOARD_FILE, TICKETS_FILE } from "../queue/layout.ts";
import type { FrameHeader } from "../queue/reply-reader.ts";
import { TicketKeys } from "../queue/ticket-keys.ts";
import { TicketTable } from "../queue/ticket-table.ts";
import { TicketWriter } from "../queue/ticket-writer.ts";
import type { BusyPoll } from "./busy-poll.ts";
import { ClaimWatch } from "./claim-watch.ts";
import { monotonicMs } from "./clock.ts";
import { Departures } from "./departures.ts";
import type { WorkerStream } from "./worker-stream.ts";

/** A request that waits for, or is being given, its reply. */
export interface Exchange {
  /** Method and target, for people. */
  readonly requestLine?: string;
  /** The id of its ticket, kept by the dispatcher; 0 when it has none. */
  ticket: number;
  /** How long it waited for a worker, from the complete request on; known with the first frame. */
  queuedMs: number;
  /** Whether part of the reply has arrived. */
  readonly isAnswering: boolean;
  /** Returns whether the reply is complete. */
  onReplyFrame(
    stream: WorkerStream,
    frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): boolean;
  onReplyMore(stream: WorkerStream, bytes: Buffer, start: number, end: number, complete: boolean): boolean;
  /** The worker died: 502, or cut off. */
  onWorkerDied(reason: string, ranMs: number, pid: number): void;
  /** 504, or cut off. */
  onTimedOut(ranMs: number, pid: number): void;
  /** No worker claimed it within the queue's bounds: 503. */
  onNotClaimed(): void;
  /** The arena has no room on its tmpfs: 503. */
  onNotStored(error: Error): void;
}

/** Of the requests that wait for a worker; infinite for no bound. */
export interface QueueBounds {
  readonly length: number;
  readonly ageMs: number;
}

interface Queued {
  readonly id: number;
  /** Known to the worker that claimed the ticket, and to nobody else. */
  readonly key: number;
  readonly exchange: Exchange;
  readonly place: RecordPlace;
  readonly enqueuedMs: number;
  /** A worker was seen to be on it. */
  isClaimed: boolean;
}

/** A record that may still be claimed by its ticket, although nobody waits for it. */
interface Withdrawn {
  readonly id: number;
  readonly place: RecordPlace;
}

/** A request for which the arena had no room. */
interface Waiting {
  readonly exchange: Exchange;
  readonly environ: Uint8Array;
  readonly bodyKind: number;
  readonly body: readonly Uint8Array[];
  readonly stored: BodyPlace | null;
  readonly enqueuedMs: number;
}

const RETRY_MS = 5;
const MAX_ID = 0xffffffff;

export class Dispatcher {
  readonly #arena: Arena;
  readonly #tickets: TicketWriter;
  readonly #keys = new TicketKeys();
  readonly #claims: ClaimWatch;
  readonly #departures: Departures;
  readonly #age: number;
  readonly #bounds: QueueBounds;
  readonly #busyPoll: BusyPoll;
  readonly #queued = new TicketTable<Queued>();
  readonly #withdrawn: Withdrawn[] = [];
  readonly #waiting: Waiting[] = [];
  /** Issued since the last flush: their records and tickets are in memory only. */
  #unflushed: Queued[] = [];
  /** Begins at a random id: so a client cannot write a body that passes for the record of a ticket yet to be read. */
  #lastId = randomInt(MAX_ID);
  /** The latest ticket that is known to be claimed. */
  #latestClaimed = this.#lastId;
  #capacity = 0;
  /** Tickets that ask how far the queue has been read, and have no answer yet; the earliest first. */
  readonly #probes: Withdrawn[] = [];
  #flushScheduled = false;
  #retryScheduled = false;

  constructor(runDirectory: string, age: number, bounds: QueueBounds, busyPoll: BusyPoll) {
    this.#age = age;
    this.#bounds = bounds;
    this.#busyPoll = busyPoll;
    this.#arena = new Arena(join(runDirectory, arenaFile(age)));
    this.#tickets = new TicketWriter(join(runDirectory, TICKETS_FILE), age);
    this.#claims = new ClaimWatch(join(runDirectory, SCOREBOARD_FILE), age);
    this.#departures = new Departures(join(runDirectory, SCOREBOARD_FILE), age);
  }

  /** Requests that are in the queue or in work. */
  get length(): number {
    return this.#queued.size + this.#waiting.length;
  }

  set capacity(threads: number) {
    this.#capacity = threads;
  }

  // -- requests ---------------------------------------------------------------------------------------------

  /** Room for a body that is on its way; null when there is none to spare. */
  maybeReserve(bytes: number): BodyPlace | null {
    return this.#arena.maybeReserve(bytes);
  }

  /**
   * `environ` and `body` are copied; `stored` is what the body points to. Returns false when as many requests wait as may.
   */
  enqueue(
    exchange: Exchange,
    environ: Uint8Array,
    bodyKind: number,
    body: readonly Uint8Array[],
    stored: BodyPlace | null = null,
  ): boolean {
    if (this.length - this.#capacity >= this.#bounds.length) return false;
    const enqueuedMs = monotonicMs();
    const waiting: Waiting = { exchange, environ, bodyKind, body, stored, enqueuedMs };
    if (this.#waiting.length === 0 && this.#tryEnqueue(waiting)) {
      this.#scheduleFlush();
      this.#busyPoll.next(this.length);
      return true;
    }
    if (this.#arena.fits(environ.length, lengthOf(body))) {
      this.#waiting.push({ ...waiting, environ: Buffer.from(environ) });
      this.#probeForRoom();
    } else {
      exchange.onNotStored(new Error("the request is larger than the arena"));
    }
    return true;
  }

  /** The client sends no more, but may still read. */
  noteEnded({ ticket }: Exchange): void {
    if (this.#queued.get(ticket) !== undefined) this.#departures.ended(ticket);
  }

  /** The client has left: a ticket that is not claimed yet is void, a reply that comes is dropped, a thread that streams it is told. */
  withdraw(exchange: Exchange): void {
    const queued = this.#queued.get(exchange.ticket);
    if (queued !== undefined) {
      this.#flushArena();
      if (!this.#queued.delete(queued.id)) return;
      this.#arena.withdraw(queued.place);
      this.#withdrawn.push({ id: queued.id, place: queued.place });
      this.#departures.left(queued.id);
      this.#probeForRoom();
      return;
    }
    const waiting = this.#waiting.findIndex((each) => each.exchange === exchange);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
  }

  #tryEnqueue({ exchange, environ, bodyKind, body, stored, enqueuedMs }: Waiting): boolean {
    const id = this.#nextId();
    const { ageMs } = this.#bounds;
    const claimByMs = Number.isFinite(ageMs) ? enqueuedMs + ageMs : 0;
    const bodyLength = lengthOf(body);
    const place = this.#arena.add(id, environ, bodyKind, body, bodyLength, enqueuedMs, claimByMs, stored);
    if (place === null) return false;
    this.#issue({ id, key: this.#keys.next(), exchange, place, enqueuedMs, isClaimed: false });
    return true;
  }

  #issue(queued: Queued): void {
    this.#queued.add(queued);
    queued.exchange.ticket = queued.id;
    this.#unflushed.push(queued);
    this.#tickets.add(queued.id, queued.place.offset, queued.key);
  }

  #nextId(): number {
    this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  // -- writing out ------------------------------------------------------------------------------------------

  #scheduleFlush(): void {
    if (this.#queued.size <= this.#capacity) {
      this.#flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => {
        this.#flushScheduled = false;
        this.#flush();
      });
    }
  }

  /** Where the tmpfs is full, the requests whose records are not written are answered 503, and no ticket tells of them. */
  #flushArena(): void {
    const fresh = this.#unflushed;
    if (fresh.length === 0) return;
    this.#unflushed = [];
    try {
      this.#arena.flush();
    } catch (error) {
      this.#tickets.dropLast(fresh.length);
      for (const { id, place, exchange } of fresh) {
        if (!this.#queued.delete(id)) continue;
        this.#arena.release(place);
        exchange.onNotStored(error as Error);
      }
    }
  }

  #flush(): void {
    this.#flushArena();
    if (this.#tickets.flush() || this.#retryScheduled) return;
    // The FIFO is full, perhaps of other gateways' tickets, so no reply of ours may ever come to tell that it is not.
    this.#retryScheduled = true;
    setTimeout(() => {
      this.#retryScheduled = false;
      this.#flush();
    }, RETRY_MS);
  }

  // -- replies ----------------------------------------------------------------------------------------------

  onReplyFrame(
    stream: WorkerStream,
    frame: FrameHeader,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): void {
    this.#noteClaimed(frame.ticket);
    const queued = this.#queued.get(frame.ticket);
    if (queued === undefined) {
      // Withdrawn: a reply that nobody wants. Or the answer to a probe.
      this.#onProbeAnswered(frame.ticket);
      return;
    }
    queued.exchange.queuedMs = frame.claimed - queued.enqueuedMs;
    if (queued.exchange.onReplyFrame(stream, frame, bytes, start, end, complete))
      this.#replied(queued, stream);
  }

  onReplyMore(
    stream: WorkerStream,
    ticket: number,
    bytes: Buffer,
    start: number,
    end: number,
    complete: boolean,
  ): void {
    const queued = this.#queued.get(ticket);
    if (queued?.exchange.onReplyMore(stream, bytes, start, end, complete)) this.#replied(queued, stream);
  }

  #replied(queued: Queued, stream: WorkerStream): void {
    stream.onReplyEnded();
    this.#answered(queued);
    this.#busyPoll.next(this.length);
  }

  #answered(queued: Queued): void {
    this.#queued.delete(queued.id);
    this.#arena.release(queued.place);
    if (this.#waiting.length > 0) this.#enqueueWaiting();
  }

  /** All tickets before a claimed one have left the FIFO, so the places of withdrawn ones are free. */
  #noteClaimed(id: number): void {
    if (!isLater(id, this.#latestClaimed)) return;
    this.#latestClaimed = id;
    let released = 0;
    for (const withdrawn of this.#withdrawn) {
      if (!isLater(id, withdrawn.id)) break;
      this.#arena.release(withdrawn.place);
      released++;
    }
    this.#withdrawn.splice(0, released);
    if (released > 0 && this.#waiting.length > 0) this.#enqueueWaiting();
  }

  #enqueueWaiting(): void {
    while (this.#waiting.length > 0) {
      if (!this.#tryEnqueue(this.#waiting[0] as Waiting)) break;
      this.#waiting.shift();
    }
    this.#scheduleFlush();
  }

  // -- requests that nobody claims in time ------------------------------------------------------------------

  /** To be called now and then: gives up what has waited for longer than it may. */
  sweep(nowMs: number): void {
    this.#departures.sweep((ticket) => this.#queued.get(ticket) !== undefined);
    const waitsTooLong = (enqueuedMs: number): boolean => nowMs - enqueuedMs > this.#bounds.ageMs;
    while (this.#waiting[0] !== undefined && waitsTooLong(this.#waiting[0].enqueuedMs)) {
      this.#waiting.shift()?.exchange.onNotClaimed();
    }
    const overdue: Queued[] = [];
    for (const queued of this.#queued.values()) {
      if (!waitsTooLong(queued.enqueuedMs)) break; // the oldest come first
      if (!queued.isClaimed && !queued.exchange.isAnswering) overdue.push(queued);
    }
    if (overdue.length > 0) this.#withdrawUnclaimed(overdue, (unclaimed) => this.#giveUp(unclaimed));
  }

  #giveUp(unclaimed: readonly Queued[]): void {
    for (const { exchange } of unclaimed) {
      this.withdraw(exchange);
      exchange.onNotClaimed();
    }
  }

  /** Calls back when the request is withdrawn; never when a worker is on it already. */
  withdrawIfUnclaimed(exchange: Exchange, onWithdrawn: () => void): void {
    const queued = this.#queued.get(exchange.ticket);
    const withdraw = (): void => {
      this.withdraw(exchange);
      onWithdrawn();
    };
    if (queued === undefined) withdraw();
    else this.#withdrawUnclaimed([queued], (unclaimed) => unclaimed.forEach(withdraw));
  }

  /** Withdraws those tickets that nobody has started, and calls back with the requests that nobody will start. */
  #withdrawUnclaimed(candidates: readonly Queued[], callback: (unclaimed: readonly Queued[]) => void): void {
    this.#flushArena();
    const noted = this.#claims.noted();
    const suspects = candidates.filter((queued) => {
      queued.isClaimed = noted.has(queued.id);
      return !queued.isClaimed && this.#queued.get(queued.id) !== undefined;
    });
    if (suspects.length === 0) return;
    for (const { place } of suspects) this.#arena.withdraw(place);
    const isOpen = (queued: Queued): boolean =>
      this.#queued.get(queued.id) === queued && !queued.exchange.isAnswering;
    this.#claims.settle(suspects, isOpen, callback);
  }

  // -- workers that die -------------------------------------------------------------------------------------

  /** Called when nothing more can come from the dead worker's streams. */
  forgetWorker(pid: number, reason: string, work: readonly UnfinishedWork[]): void {
    for (const { gateway, ticket, ranMs } of work) {
      if (gateway !== this.#age) continue;
      this.#noteClaimed(ticket);
      const queued = this.#queued.get(ticket);
      if (queued === undefined) continue;
      this.#answered(queued);
      queued.exchange.onWorkerDied(reason, ranMs, pid);
    }
    this.#probeForLost();
  }

  maybeRequestLine(ticket: number): string | undefined {
    return this.#queued.get(ticket)?.exchange.requestLine;
  }

  timeOut(ticket: number, ranMs: number, pid: number): void {
    const queued = this.#queued.get(ticket);
    if (queued === undefined) return;
    this.#answered(queued);
    queued.exchange.onTimedOut(ranMs, pid);
  }

  /**
   * A ticket is lost when its worker died between reading it and noting it on the scoreboard. The FIFO is ordered, so
   * when a probe comes back every ticket before it has been read; one that nobody is on by then was lost.
   */
  #probeForLost(): void {
    const isAnyOpen = [...this.#queued.values()].some(({ exchange }) => !exchange.isAnswering);
    // The worker may have taken along the probe that those are waiting for that have no place in the arena.
    if (isAnyOpen || this.#waiting.length > 0) this.#sendProbe();
  }

  /** Workers drop withdrawn tickets without a word. So where their records fill the arena, a probe must ask. */
  #probeForRoom(): void {
    if (this.#waiting.length > 0 && this.#withdrawn.length > 0 && this.#probes.length === 0)
      this.#sendProbe();
  }

  #sendProbe(): void {
    this.#flushArena();
    const id = this.#nextId();
    const place = this.#arena.addProbe(id);
    if (place === null || !this.#canFlush(place)) {
      setTimeout(() => this.#probeForLost(), RETRY_MS);
      return;
    }
    this.#probes.push({ id, place });
    this.#tickets.add(id, place.offset, this.#keys.next());
    this.#flush();
  }

  #onProbeAnswered(id: number): void {
    const answered = this.#probes.findIndex((probe) => probe.id === id);
    if (answered < 0) return;
    // Those before it have been read too; if they have no answer, their workers have died.
    for (const { place } of this.#probes.splice(0, answered + 1)) this.#arena.release(place);
    this.#recoverLostTickets(id);
    this.#probeForRoom();
  }

  #canFlush(place: RecordPlace): boolean {
    try {
      this.#arena.flush();
      return true;
    } catch {
      this.#arena.release(place); // the tmpfs is full; later there will be room
      return false;
    }
  }

  #recoverLostTickets(probe: number): void {
    const suspects = [...this.#queued.values()].filter(
      ({ id, exchange }) => isLater(probe, id) && !exchange.isAnswering,
    );
    if (suspects.length > 0) this.#withdrawUnclaimed(suspects, (lost) => this.#enqueueAnew(lost));
  }

  #enqueueAnew(lost: readonly Queued[]): void {
    const later: Queued[] = [];
    for (const queued of lost) {
      if (this.#queued.get(queued.id) !== queued) continue; // the client has left
      const id = this.#nextId();
      const place = this.#arena.move(queued.place, id);
      if (place === null) {
        later.push(queued);
        continue;
      }
      this.#queued.delete(queued.id);
      this.#issue({ ...queued, id, key: this.#keys.next(), place });
    }
    this.#flush();
    if (later.length > 0) setTimeout(() => this.#enqueueAnew(later), RETRY_MS);
  }

  close(): void {
    this.#arena.close();
    this.#tickets.close();
    this.#claims.close();
    this.#departures.close();
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** Whether ticket id `a` was given out after `b`; ids wrap at 2³² (serial number arithmetic, RFC 1982). */
export function isLater(a: number, b: number): boolean {
  return a !== b && ((a - b) | 0) > 0;
}
