/**
 * Tells which tickets workers are on, and of withdrawn ones, which nobody has started and nobody will.
 *
 * Who withdraws marks the record first and looks at the scoreboard afterwards; who claims notes the ticket first and
 * looks at the record afterwards (PROTOCOL.md §3). So a ticket that is noted after it was withdrawn is either at work,
 * because it was claimed before, or is just being dropped: the next look tells.
 *
 * Runs in: gateway.
 */
import { LOST_TICKET_GRACE_MS } from "../queue/layout.ts";
import { isBusy, ScoreboardReader } from "../queue/scoreboard.ts";

export interface Withdrawable {
  readonly id: number;
}

export class ClaimWatch {
  readonly #scoreboard: ScoreboardReader;
  readonly #age: number;

  constructor(scoreboardPath: string, age: number) {
    this.#scoreboard = new ScoreboardReader(scoreboardPath);
    this.#age = age;
  }

  /** Tickets of this gateway that workers are on now. */
  noted(): ReadonlySet<number> {
    const noted = new Set<number>();
    for (const slot of this.#scoreboard.read()) {
      if (isBusy(slot) && slot.gateway === this.#age) noted.add(slot.ticket);
    }
    return noted;
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
    const decide = (noted: ReadonlySet<number>): void => {
      const open = withdrawn.filter(isOpen);
      const unclaimed = open.filter(({ id }) => !noted.has(id));
      const undecided = open.filter(({ id }) => noted.has(id));
      if (unclaimed.length > 0) callback(unclaimed);
      if (undecided.length > 0) this.settle(undecided, isOpen, callback);
    };
    setTimeout(() => {
      const noted = this.noted();
      // Whoever finished before this look has sent the reply; one turn of the loop reads it.
      setImmediate(() => setImmediate(() => decide(noted)));
    }, LOST_TICKET_GRACE_MS);
  }

  close(): void {
    this.#scoreboard.close();
  }
}
