/**
 * The turns in an instance's life, for whoever has to be told: the shell that started a daemon, the service manager, a
 * control client that waits for a reload.
 *
 * Runs in: arbiter.
 */

export interface LifeWatcher {
  /** For the first time, every worker of the settings is ready. */
  onServing?(): void;
  onReloading?(): void;
  /** `problem` is null when the new generation has taken over; else the old one serves on. */
  onReloaded?(problem: string | null): void;
  /** After an upgrade: the arbiter before this one is gone. */
  onPromoted?(): void;
  onStopping?(): void;
}

export class Life implements Required<LifeWatcher> {
  readonly #watchers = new Set<LifeWatcher>();

  watch(watcher: LifeWatcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: LifeWatcher): void {
    this.#watchers.delete(watcher);
  }

  onServing(): void {
    for (const watcher of this.#watchers) watcher.onServing?.();
  }

  onReloading(): void {
    for (const watcher of this.#watchers) watcher.onReloading?.();
  }

  onReloaded(problem: string | null): void {
    for (const watcher of this.#watchers) watcher.onReloaded?.(problem);
  }

  onPromoted(): void {
    for (const watcher of this.#watchers) watcher.onPromoted?.();
  }

  onStopping(): void {
    for (const watcher of this.#watchers) watcher.onStopping?.();
  }
}
