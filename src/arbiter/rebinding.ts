/**
 * Other addresses after a reload: what stays is kept as it is, what is new is bound before anything else is done, and
 * what is wanted no more is closed once the new generation has taken over.
 *
 * Runs in: arbiter.
 */
import type { BindAddress } from "../settings/addresses.ts";
import type { Listener } from "./listeners.ts";

export class Rebinding {
  /** Those from now on. */
  readonly listeners: readonly Listener[];
  readonly #opened: readonly Listener[];
  readonly #unwanted: readonly Listener[];

  private constructor(
    listeners: readonly Listener[],
    opened: readonly Listener[],
    unwanted: readonly Listener[],
  ) {
    this.listeners = listeners;
    this.#opened = opened;
    this.#unwanted = unwanted;
  }

  /**
   * `before` are the addresses of the settings so far: the same addresses are no change, whatever the listeners are
   * (systemd's, say). Rejects with what `open` rejects with, and then nothing is left open.
   */
  static async begin(
    current: readonly Listener[],
    before: readonly BindAddress[],
    wanted: readonly BindAddress[],
    open: (address: BindAddress) => Promise<Listener>,
  ): Promise<Rebinding> {
    if (textOf(before) === textOf(wanted)) return Rebinding.none(current);
    const kept = new Map(current.map((listener) => [textOf([listener.address]), listener]));
    const listeners: Listener[] = [];
    const opened: Listener[] = [];
    try {
      for (const address of wanted) {
        const listener = kept.get(textOf([address])) ?? (await open(address));
        if (!current.includes(listener)) opened.push(listener);
        listeners.push(listener);
      }
    } catch (error) {
      for (const listener of opened) listener.close();
      throw error;
    }
    return new Rebinding(
      listeners,
      opened,
      current.filter((listener) => !listeners.includes(listener)),
    );
  }

  /** Everything stays. */
  static none(current: readonly Listener[]): Rebinding {
    return new Rebinding(current, [], []);
  }

  get isChange(): boolean {
    return this.#opened.length > 0 || this.#unwanted.length > 0;
  }

  /** Who is connected stays so; who comes now is refused. */
  finish(): void {
    for (const listener of this.#unwanted) listener.close();
  }

  undo(): void {
    for (const listener of this.#opened) listener.close();
  }
}

function textOf(addresses: readonly BindAddress[]): string {
  return JSON.stringify(addresses);
}
