/**
 * The gateway's side of the request queue: puts complete requests into the arena and the FIFO, finds the exchange that
 * a reply belongs to, takes back what nobody wants any more, and sees to it that no request is lost with a worker.
 *
 * When a ticket goes out (measured, see docs/decisions/0002):
 * 1. at once while a worker thread may be idle, because waking it is what takes long;
 * 2. otherwise once per event-loop turn, many in one write, because all threads are busy anyway.
 *
 * Every request ends (docs/decisions/0024): what is older than a second is compared with the scoreboard at each sweep. One whose
 * thread is done with it, or that the queue has moved past, and whose reply has not come by the next looks, is lost: 502. It may
 * have run, so it is not run again; only what was lost with a worker that died before it noted the ticket is.
 *
 * Runs in: gateway.
 */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { Arena, type RecordPlace } from "../queue/arena.ts";
import type { BodyPlace } from "../queue/body-place.ts";
import type { UnfinishedWork } from "../queue/gateway-messages.ts";
import {
  arenaFile,
  FILE_COPIED,
  FRAME_END,
  FRAME_FAIL,
  FRAME_FILE,
  SCOREBOARD_FILE,
  TICKETS_FILE,
} from "../queue/layout.ts";
import type { FrameHeader } from "../queue/reply-reader.ts";
import { TicketKeys } from "../queue/ticket-keys.ts";
import { TicketTable } from "../queue/ticket-table.ts";
import { TicketWriter } from "../queue/ticket-writer.ts";
import type { BusyPoll } from "./busy-poll.ts";
import { ClaimWatch, type Note, type Notes } from "./claim-watch.ts";
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
  /** No reply will come, and nobody has died: 502, or cut off. `reason` is for the log, in front of "request …". */
  onLost(reason: string): void;
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
  /** A worker was seen to have begun it. */
  isClaimed: boolean;
  /** The slot on which that was seen; -1 before. */
  slot: number;
  /** Its place in the arena may be another's by now. */
  isReleased: boolean;
  /** What has brought a part of its reply. */
  stream: WorkerStream | null;
  /** At how many looks in a row nobody was on it. */
  looks: number;
}

/** A record that may still be claimed by its ticket, although nobody waits for it. */
interface Withdrawn {
  readonly id: number;
  readonly key: number;
  readonly place: RecordPlace;
}

/** A ticket that asks how far the queue has been read. */
interface Probe extends Withdrawn {
  /** Because a worker has died, perhaps with tickets that it had not noted yet. */
  readonly isForDeath: boolean;
}

/** What the dispatcher asks of the reply streams. */
export interface ReplyStreams {
  /** Whether replies of this slot's thread wait in a stream that is paused. */
  isPaused(slot: number): boolean;
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
/** How often at most the scoreboard is looked at for records that are copied, when the arena is short of room. */
const RECLAIM_MS = 2;
/** The age from which on a request is compared with the scoreboard at each sweep. */
const SUSPECT_MS = 1000;
/** At so many sweeps in a row nobody was on it. By the second, everything that was written before the first has been read. */
const LOST_LOOKS = 2;
/** When the queue is asked how far it has been read: a second after the last time, then twice as long, and so on. */
const FIRST_PROBE_MS = 1000;
const LAST_PROBE_MS = 30_000;
const MAX_ID = 0xffffffff;
/** No request of before is still without its first look after so long, ms. */
const DOUBT_MS = 60_000;

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
  /** By id, in the order of their withdrawal. */
  readonly #withdrawn = new Map<number, Withdrawn>();
  readonly #waiting: Waiting[] = [];
  /** Issued since the last flush: their records and tickets are in memory only. */
  #unflushed: Queued[] = [];
  /** Begins at a random id: so a client cannot write a body that passes for the record of a ticket yet to be read. */
  #lastId = randomInt(MAX_ID);
  /** Up to this ticket, for some time, a missing reply does not say that the request never started. */
  #doubtedId = this.#lastId;
  #doubtedMs = Number.NEGATIVE_INFINITY;
  /** The latest ticket that is known to be claimed. */
  #latestClaimed = this.#lastId;
  #capacity = 0;
  /** Tickets that ask how far the queue has been read, and have no answer yet; the earliest first. */
  readonly #probes: Probe[] = [];
  #nextProbeMs = 0;
  #probePauseMs = FIRST_PROBE_MS;
  #lookedMs = 0;
  #streams: ReplyStreams = { isPaused: () => false };
  #flushScheduled = false;
  #retryScheduled = false;
  #reclaimScheduled = false;

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

  set streams(streams: ReplyStreams) {
    this.#streams = streams;
  }

  // -- requests ---------------------------------------------------------------------------------------------

  /** Room for a body that is on its way; null when there is none to spare. */
  maybeReserve(bytes: number): BodyPlace | null {
    const place = this.#arena.maybeReserve(bytes);
    if (place !== null || !this.#reclaim()) return place;
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
      this.#scheduleReclaim();
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
      if (queued.isReleased) {
        this.#departures.left(queued.id);
        return;
      }
      this.#arena.withdraw(queued.place);
      this.#withdrawn.set(queued.id, queued);
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
    let place: RecordPlace | null;
    do place = this.#arena.add(id, environ, bodyKind, body, bodyLength, enqueuedMs, claimByMs, stored);
    while (place === null && this.#reclaim());
    if (place === null) return false;
    this.#issue({
      id,
      key: this.#keys.next(),
      exchange,
      place,
      enqueuedMs,
      isClaimed: false,
      slot: -1,
      isReleased: false,
      stream: null,
      looks: 0,
    });
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
    const queued = this.#queued.get(frame.ticket);
    if (queued === undefined) {
      this.#onUnwantedFrame(stream, frame);
      return;
    }
    const { exchange } = queued;
    if (frame.key !== queued.key) {
      stream.refuse("a frame for another worker's request");
      return;
    }
    if (exchange.isAnswering && queued.stream !== stream && frame.kind !== FRAME_FAIL) {
      stream.refuse("the rest of a reply that began elsewhere");
      return;
    }
    queued.stream = stream;
    this.#noteClaimed(frame.ticket);
    exchange.queuedMs = frame.claimed - queued.enqueuedMs;
    if (exchange.onReplyFrame(stream, frame, bytes, start, end, complete)) this.#replied(queued, stream);
    else this.#releasePlace(queued);
  }

  /** Its client has left, it was answered without its worker, or it is a probe; read and dropped. */
  #onUnwantedFrame(stream: WorkerStream, frame: FrameHeader): void {
    const { ticket, key, kind } = frame;
    // It must not wait for an answer that nobody gives: where the file counts as copied, it is done.
    if (kind === FRAME_FILE) stream.answerFile(ticket, FILE_COPIED);
    if (this.#withdrawn.get(ticket)?.key === key) this.#noteClaimed(ticket);
    const probe = this.#probes.find(({ id }) => id === ticket);
    if (probe === undefined) return;
    if (probe.key !== key || kind !== FRAME_END) stream.refuse("a frame for another worker's ticket");
    else this.#onProbeAnswered(ticket);
  }

  /** Nothing more comes from this stream: what it was about has no reply. */
  onRefused(stream: WorkerStream, reason: string): void {
    this.onClosedHere();
    const { ticket, ranMs } = this.#claims.latest(stream.slot);
    for (const id of new Set([stream.openTicket, ticket])) {
      const queued = this.#queued.get(id);
      if (queued === undefined || (id !== ticket && queued.stream !== stream)) continue;
      this.#answered(queued);
      queued.exchange.onWorkerDied(`sent ${reason}`, ranMs, stream.pid);
    }
  }

  /**
   * A stream was closed from this side, and replies may have been in it. So a missing reply to a request of before does not say that it
   * never started.
   */
  onClosedHere(): void {
    this.#doubtedId = this.#lastId;
    this.#doubtedMs = monotonicMs();
  }

  /** Whether the slot is that of the worker which says so. */
  isOwner(slot: number, age: number, pid: number): boolean {
    return this.#claims.isOwner(slot, age, pid);
  }

  /** What workers are on now, and what they were on last. */
  look(): Notes {
    return this.#claims.look();
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
    this.#releasePlace(queued);
    if (this.#waiting.length > 0) this.#enqueueWaiting();
  }

  /** The record and its body are copied, or nobody will read them. */
  #releasePlace(queued: Queued): void {
    if (queued.isReleased) return;
    queued.isReleased = true;
    this.#arena.release(queued.place);
  }

  /** All tickets before a claimed one have left the FIFO, so the places of withdrawn ones are free. */
  #noteClaimed(id: number): void {
    if (!isLater(id, this.#latestClaimed)) return;
    this.#latestClaimed = id;
    if (this.#withdrawn.size > 0 && this.#releaseWithdrawn() && this.#waiting.length > 0)
      this.#enqueueWaiting();
  }

  /** Returns whether there is more room now. */
  #releaseWithdrawn(): boolean {
    const before = this.#withdrawn.size;
    for (const { id, place } of this.#withdrawn.values()) {
      if (!isLater(this.#latestClaimed, id)) break;
      this.#arena.release(place);
      this.#withdrawn.delete(id);
    }
    return this.#withdrawn.size < before;
  }

  // -- the scoreboard ---------------------------------------------------------------------------------------

  /** Learns which requests have begun, and gives their places free: long ones must not keep others out of the arena. */
  #look(): Notes {
    const notes = this.#claims.look();
    for (const [ticket, note] of notes) {
      const queued = this.#queued.get(ticket);
      if (queued === undefined || note.isReading) continue;
      queued.isClaimed = true;
      queued.slot = note.slot;
      if (isLater(ticket, this.#latestClaimed)) this.#latestClaimed = ticket;
      this.#releasePlace(queued);
    }
    this.#releaseWithdrawn();
    return notes;
  }

  /** Where the arena is short of room: returns whether it was worth a look. */
  #reclaim(): boolean {
    const nowMs = monotonicMs();
    if (nowMs - this.#lookedMs < RECLAIM_MS) return false;
    this.#lookedMs = nowMs;
    this.#look();
    return true;
  }

  /** Requests wait for room, and no reply may come for long. */
  #scheduleReclaim(): void {
    if (this.#reclaimScheduled) return;
    this.#reclaimScheduled = true;
    setTimeout(() => {
      this.#reclaimScheduled = false;
      if (this.#waiting.length === 0) return;
      this.#enqueueWaiting();
      if (this.#waiting.length > 0) this.#scheduleReclaim();
    }, RETRY_MS);
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
    this.#findLost(nowMs);
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
    const notes = this.#look();
    const suspects = candidates.filter(
      (queued) => !queued.isClaimed && !notes.has(queued.id) && this.#queued.get(queued.id) === queued,
    );
    if (suspects.length === 0) return;
    for (const { place } of suspects) this.#arena.withdraw(place);
    const isOpen = (queued: Queued): boolean =>
      this.#queued.get(queued.id) === queued && !queued.exchange.isAnswering;
    this.#claims.settle(suspects, isOpen, callback);
  }

  // -- requests whose reply is lost -------------------------------------------------------------------------

  #findLost(nowMs: number): void {
    const suspects: Queued[] = [];
    for (const queued of this.#queued.values()) {
      const isOpen = !queued.exchange.isAnswering || queued.stream?.isClosed === true;
      if (isOpen && nowMs - queued.enqueuedMs > SUSPECT_MS) suspects.push(queued);
    }
    if (suspects.length === 0) return;
    const notes = this.#look();
    for (const queued of suspects) {
      queued.looks = this.#isStranded(queued, notes.get(queued.id)) ? queued.looks + 1 : 0;
    }
    const lost = suspects.filter(({ looks }) => looks >= LOST_LOOKS);
    const passed = lost.filter((queued) => !hasBegun(queued));
    this.#loseAll(lost.filter(hasBegun));
    if (passed.length > 0) this.#withdrawUnclaimed(passed, (unclaimed) => this.#loseAll(unclaimed));
    if (!suspects.every(hasBegun)) this.#probeForRead(nowMs);
  }

  /** Whether nobody is on it any more, although no reply has come. */
  #isStranded(queued: Queued, note: Note | undefined): boolean {
    if (note?.isReading === true || note?.isWorking === true) return false;
    if (hasBegun(queued)) return !this.#streams.isPaused(queued.slot);
    // After a death a probe tells, and then it is enqueued anew.
    return isLater(this.#latestClaimed, queued.id) && !this.#probes.some(({ isForDeath }) => isForDeath);
  }

  #loseAll(lost: readonly Queued[]): void {
    for (const queued of lost) this.#lose(queued);
  }

  #lose(queued: Queued): void {
    if (this.#queued.get(queued.id) !== queued) return;
    this.#answered(queued);
    queued.exchange.onLost(
      hasBegun(queued)
        ? "No reply has come from the worker that is done with"
        : "No worker has answered, and the queue has moved past",
    );
  }

  /** Something may have taken tickets out of the FIFO, or a worker with the answer. Ever more seldom, while all are just busy. */
  #probeForRead(nowMs: number): void {
    const [oldest] = this.#probes;
    if (oldest !== undefined && isLater(this.#latestClaimed, oldest.id)) {
      this.#onProbeAnswered(oldest.id);
      return;
    }
    if (nowMs < this.#nextProbeMs) return;
    this.#nextProbeMs = nowMs + this.#probePauseMs;
    this.#probePauseMs = Math.min(LAST_PROBE_MS, this.#probePauseMs * 2);
    this.#maybeSendProbe(false);
  }

  // -- workers that die -------------------------------------------------------------------------------------

  /** Called when nothing more can come from the dead worker's streams. */
  forgetWorker(pid: number, reason: string, work: readonly UnfinishedWork[]): void {
    for (const { gateway, ticket, ranMs } of work) {
      if (gateway !== this.#age) continue;
      const queued = this.#queued.get(ticket);
      if (queued === undefined) continue;
      this.#noteClaimed(ticket);
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
    if (isAnyOpen || this.#waiting.length > 0) this.#sendProbe(true);
  }

  /** Workers drop withdrawn tickets without a word. So where their records fill the arena, a probe must ask. */
  #probeForRoom(): void {
    if (this.#waiting.length > 0 && this.#withdrawn.size > 0 && this.#probes.length === 0)
      this.#sendProbe(false);
  }

  #sendProbe(isForDeath: boolean): void {
    if (this.#maybeSendProbe(isForDeath)) return;
    setTimeout(() => {
      if (isForDeath) this.#probeForLost();
      else this.#probeForRoom();
    }, RETRY_MS);
  }

  /** Returns false when there is no room for it now. */
  #maybeSendProbe(isForDeath: boolean): boolean {
    this.#flushArena();
    const id = this.#nextId();
    const key = this.#keys.next();
    const place = this.#arena.addProbe(id);
    if (place === null || !this.#canFlush(place)) return false;
    this.#probes.push({ id, key, place, isForDeath });
    this.#tickets.add(id, place.offset, key);
    this.#flush();
    return true;
  }

  #onProbeAnswered(id: number): void {
    const answered = this.#probes.findIndex((probe) => probe.id === id);
    if (answered < 0) return;
    this.#noteClaimed(id);
    // Those before it have been read too; if they have no answer, their workers have died.
    const read = this.#probes.splice(0, answered + 1);
    for (const { place } of read) this.#arena.release(place);
    this.#probePauseMs = FIRST_PROBE_MS;
    if (read.some(({ isForDeath }) => isForDeath)) this.#recoverLostTickets(id);
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
      ({ id, isClaimed, exchange }) => isLater(probe, id) && !isClaimed && !exchange.isAnswering,
    );
    if (suspects.length > 0) this.#withdrawUnclaimed(suspects, (lost) => this.#enqueueAnew(lost));
  }

  #enqueueAnew(lost: readonly Queued[]): void {
    const later: Queued[] = [];
    for (const queued of lost) {
      if (this.#queued.get(queued.id) !== queued || queued.isReleased) continue; // the client has left, or it has begun
      if (this.#isDoubted(queued)) {
        this.#lose(queued);
        continue;
      }
      const id = this.#nextId();
      const place = this.#arena.move(queued.place, id);
      if (place === null) {
        later.push(queued);
        continue;
      }
      this.#queued.delete(queued.id);
      this.#issue({ ...queued, id, key: this.#keys.next(), place, looks: 0 });
    }
    this.#flush();
    if (later.length > 0) setTimeout(() => this.#enqueueAnew(later), RETRY_MS);
  }

  #isDoubted({ id }: Queued): boolean {
    return monotonicMs() - this.#doubtedMs < DOUBT_MS && !isLater(id, this.#doubtedId);
  }

  close(): void {
    this.#arena.close();
    this.#tickets.close();
    this.#claims.close();
    this.#departures.close();
  }
}

function hasBegun({ isClaimed, exchange }: Queued): boolean {
  return isClaimed || exchange.isAnswering;
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
