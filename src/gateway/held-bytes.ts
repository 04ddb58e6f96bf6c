/**
 * What all connections of a gateway hold of requests that are not complete, against a bound.
 *
 * Rules: past the bound, holders are told to give up what they hold, the oldest first, until a part of the bound is free
 * again; so the work of it is small beside that of the bytes that must arrive before the next time. Who holds less than
 * half of the average is spared: it would free little, and under attack it is most likely a client that means well.
 *
 * Runs in: gateway.
 */

export interface Holder {
  /** Gives up what it holds; it has told so when this returns. */
  shed(): void;
}

/** Of the bound, what may be held after holders have been shed. */
const ENOUGH = 7 / 8;

export class HeldBytes {
  /** Bytes. */
  readonly limit: number;
  readonly #held = new Map<Holder, number>();
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get total(): number {
    return this.#total;
  }

  /** The holder holds so many bytes now. Its age counts from when it last held none. */
  set(holder: Holder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0;
    this.#total += bytes - before;
    if (bytes === 0) this.#held.delete(holder);
    else this.#held.set(holder, bytes);
    if (this.#total > this.limit && bytes > before) this.#shed();
  }

  /** Those that are spared hold less than half of the total, so this ends below the bound. */
  #shed(): void {
    const spared = this.#total / this.#held.size / 2;
    for (const [holder, bytes] of this.#held) {
      if (this.#total <= this.limit * ENOUGH) return;
      if (bytes >= spared) holder.shed();
    }
  }
}
