/**
 * What belongs to each open ticket of a gateway, by ticket id, in the order of the queue.
 *
 * A ring by the low bits of the id, not a Map: entries come and go with every request, and a Map that is emptied as fast
 * as it is filled rehashes again and again, each outgrown table keeping its entries and pointing to the next table. The
 * first table that gets old so makes every later request old too, until the next full collection (measured at 64
 * connections: pauses of 13 to 23 ms instead of 0.5 ms, a heap of 60 MB instead of 19 MB, see docs/performance.md).
 *
 * A ticket that is still open when the ring comes round to its place is moved aside: those are few, and long in work.
 *
 * Pure: no I/O. Runs in: gateway.
 */

/** A power of two; 64 KiB. More open tickets than that are correct, only slower. */
const PLACES = 8192;

export class TicketTable<Entry extends { readonly id: number }> {
  readonly #mask: number;
  readonly #ring: Array<Entry | undefined>;
  /** All older than those in the ring. */
  readonly #aside = new Map<number, Entry>();
  /** The place behind the latest id. */
  #next = 0;
  #size = 0;

  /** `places`: a power of two. */
  constructor(places = PLACES) {
    this.#mask = places - 1;
    this.#ring = new Array<Entry | undefined>(places).fill(undefined);
  }

  get size(): number {
    return this.#size;
  }

  get(id: number): Entry | undefined {
    const entry = this.#ring[id & this.#mask];
    if (entry?.id === id) return entry;
    return this.#aside.size === 0 ? undefined : this.#aside.get(id);
  }

  /** Ids are given out in ascending order; some may be left out, and after 2³² − 1 they begin anew. */
  add(entry: Entry): void {
    const place = entry.id & this.#mask;
    for (; this.#next !== place; this.#next = (this.#next + 1) & this.#mask) this.#moveAside(this.#next);
    this.#moveAside(place);
    this.#ring[place] = entry;
    this.#next = (place + 1) & this.#mask;
    this.#size++;
  }

  /** Returns whether it was there. */
  delete(id: number): boolean {
    const place = id & this.#mask;
    if (this.#ring[place]?.id === id) this.#ring[place] = undefined;
    else if (!this.#aside.delete(id)) return false;
    this.#size--;
    return true;
  }

  /** The oldest first. */
  *values(): Generator<Entry, void> {
    yield* this.#aside.values();
    for (let nr = 0; nr <= this.#mask; nr++) {
      const entry = this.#ring[(this.#next + nr) & this.#mask];
      if (entry !== undefined) yield entry;
    }
  }

  #moveAside(place: number): void {
    const entry = this.#ring[place];
    if (entry === undefined) return;
    this.#aside.set(entry.id, entry);
    this.#ring[place] = undefined;
  }
}
