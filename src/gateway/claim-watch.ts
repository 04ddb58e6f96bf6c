/**
 * Tells which tickets workers are on, and of withdrawn ones, which nobody has started and nobody will.
 *
 * Who withdraws marks the record first and looks at the scoreboard afterwards; who claims notes the ticket first and
 * looks at the record afterwards (PROTOCOL.md §3). So a ticket that is noted after it was withdrawn is either at work,
 * because it was claimed before, or is just being dropped: the next look tells. What is dropped is not noted any more.
 *
 * Runs in: gateway.
 */
import { LOST_TICKET_GRACE_MS, SLOT_CLAIMED, SLOT_WORKING } from "../queue/layout.ts";
import { ScoreboardReader } from "../queue/scoreboard.ts";
import { monotonicMs } from "./clock.ts";

export interface Withdrawable {
  readonly id: number;
}

/** What a slot says of its latest ticket. */
export interface Note {
  readonly slot: number;
  /** The record is being read. */
  readonly isReading: boolean;
  /** The record is copied, and the application is called. */
  readonly isWorking: boolean;
}

/** By ticket. Of one that was dropped there is no note, of one that has ended there may be. */
export type Notes = ReadonlyMap<number, Note>;

export class ClaimWatch {
  readonly #scoreboard: ScoreboardReader;
  readonly #age: number;

  constructor(scoreboardPath: string, age: number) {
    this.#scoreboard = new ScoreboardReader(scoreboardPath);
    this.#age = age;
  }

  /** Tickets of this gateway, as the scoreboard has them now. */
  look(): Notes {
    const notes = new Map<number, Note>();
    this.#scoreboard.forEachTicket(this.#age, (ticket, slot, state) => {
      notes.set(ticket, { slot, isReading: state === SLOT_CLAIMED, isWorking: state === SLOT_WORKING });
    });
    return notes;
  }

  /** Whether the slot is that worker's, or was: it may have died since, and another worker have its slot. */
  isOwner(slot: number, age: number, pid: number): boolean {
    const record = this.#scoreboard.maybeSlot(slot);
    if (record === undefined) return false;
    return record.age === age ? record.pid === pid : record.age > age;
  }

  /** The latest ticket of a slot, 0 when it is another gateway's, and for how long its thread has been on it. */
  latest(slot: number): { ticket: number; ranMs: number } {
    const record = this.#scoreboard.maybeSlot(slot);
    if (record?.gateway !== this.#age) return { ticket: 0, ranMs: 0 };
    return { ticket: record.ticket, ranMs: monotonicMs() - record.startedMs };
  }

  /**
   * Calls back with those of the withdrawn tickets that nobody will start, once or in several groups. `isOpen`: no part
   * of a reply has come, and the client waits.
   */
  settle<T extends Withdrawable>(
    withdrawn: readonly T[],
    isOpen: (ticket: T) => boolean,
    callback: (unclaimed: readonly T[]) => void,
  ): void {
    const decide = (notes: Notes): void => {
      const open = withdrawn.filter(isOpen);
      const unclaimed = open.filter(({ id }) => !notes.has(id));
      const undecided = open.filter(({ id }) => notes.get(id)?.isReading);
      if (unclaimed.length > 0) callback(unclaimed);
      if (undecided.length > 0) this.settle(undecided, isOpen, callback);
    };
    setTimeout(() => {
      const notes = this.look();
      // Whoever finished before this look has sent the reply; one turn of the loop reads it.
      setImmediate(() => setImmediate(() => decide(notes)));
    }, LOST_TICKET_GRACE_MS);
  }

  close(): void {
    this.#scoreboard.close();
  }
}
