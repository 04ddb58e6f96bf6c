/**
 * Bounds lines of the log that one cause could repeat without end: of each kind at most one a second, which says for how many
 * events it stands.
 *
 * Runs in: arbiter, gateway.
 */

const PAUSE_MS = 1000;

export class LineLimit {
  readonly #kinds = new Map<string, { toldMs: number; untold: number }>();

  /** For how many events of this kind a line now stands; 0: no line now. There must be few kinds. */
  count(kind: string, nowMs = performance.now()): number {
    const known = this.#kinds.get(kind);
    if (known !== undefined && nowMs - known.toldMs < PAUSE_MS) {
      known.untold++;
      return 0;
    }
    this.#kinds.set(kind, { toldMs: nowMs, untold: 0 });
    return 1 + (known?.untold ?? 0);
  }
}

/** What a line of the log adds where it stands for several events. */
export function times(count: number): string {
  return count === 1 ? "" : ` (${count} times)`;
}
