/**
 * The first half of a reload: all settings are read anew, and new addresses are bound. What comes of it is a generation to
 * start, or a problem; until then nothing that serves has changed.
 *
 * Runs in: arbiter.
 */
import type { Exit } from "../cli/parser.ts";
import { type FaultLog, reportFault } from "../last-resort.ts";
import type { BindAddress } from "../settings/addresses.ts";
import type { Loaded } from "../settings/load.ts";
import { maybeReplacement } from "../version.ts";
import type { Listener } from "./listeners.ts";
import type { Reader, Reading } from "./reading.ts";
import { Rebinding } from "./rebinding.ts";

export interface ReloadSteps {
  readonly log: FaultLog;
  /** Reads all settings. `onReader` hears who executes the configuration file. */
  readonly read: (onReader: (reader: Reader) => void) => Promise<Reading | Exit>;
  readonly open: (address: BindAddress) => Promise<Listener>;
  /** The settings so far, and the listeners. */
  readonly before: () => {
    readonly addresses: readonly BindAddress[];
    readonly listeners: readonly Listener[];
  };
  /** The settings can be used: what an earlier reload has begun, and the addresses it has bound, are to give way. */
  readonly onRead: () => void;
  /** Why these settings cannot be served with; null when they can. */
  readonly maybeObstacle: (loaded: Loaded) => string | null;
  readonly onBound: (reading: Reading, rebinding: Rebinding) => void;
  readonly onFailed: (problem: string) => void;
}

export class Reload {
  readonly #steps: ReloadSteps;
  /** Executes the configuration file. */
  #reader: Reader | null = null;
  /** How often settings were begun to be read: what an older reading finds out is of no use. */
  #readings = 0;

  constructor(steps: ReloadSteps) {
    this.#steps = steps;
  }

  /** Instead of one that is going on. */
  async begin(): Promise<void> {
    this.abandon();
    const reading = this.#readings;
    try {
      await this.#begin(reading);
    } catch (error) {
      reportFault(this.#steps.log, "reloading", error);
      if (reading === this.#readings) this.#fail("it met an error");
    }
  }

  async #begin(reading: number): Promise<void> {
    const replacement = maybeReplacement();
    if (replacement !== undefined) {
      this.#fail(replacement);
      return;
    }
    const read = await this.#steps.read((reader) => {
      this.#reader = reader;
    });
    if (reading !== this.#readings) return;
    this.#reader = null;
    if (read.kind === "exit") {
      this.#fail(read.stderr.trim() || `the configuration file left with code ${read.code}`);
      return;
    }
    this.#steps.onRead();
    const obstacle = this.#steps.maybeObstacle(read.loaded);
    if (obstacle !== null) {
      read.zygote?.kill();
      this.#fail(obstacle);
      return;
    }
    await this.#bind(read, reading);
  }

  /** What is being read is not waited for any more. */
  abandon(): void {
    this.#readings++;
    this.#reader?.kill();
    this.#reader = null;
  }

  async #bind(read: Reading, reading: number): Promise<void> {
    const { addresses, listeners } = this.#steps.before();
    let rebinding: Rebinding;
    try {
      rebinding = await Rebinding.begin(
        listeners,
        addresses,
        read.loaded.resolved.listenAll,
        this.#steps.open,
      );
    } catch (error) {
      read.zygote?.kill();
      if (reading === this.#readings) this.#fail((error as Error).message || "an address cannot be had");
      return;
    }
    if (reading === this.#readings) {
      this.#steps.onBound(read, rebinding);
    } else {
      rebinding.undo();
      read.zygote?.kill();
    }
  }

  #fail(reason: string): void {
    this.#steps.onFailed(`${reason}. The old settings stay in force.`);
  }
}
