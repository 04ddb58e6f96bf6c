/**
 * The end of an instance, and the steps to it.
 *
 *   TERM ──drain_delay──▶ graceful: gateways drain ──no client is left──▶ workers retire ──▶ the last hook ──▶ the end
 *   INT, QUIT ──▶ quick: gateways leave ──▶ workers quit ──▶ …
 *   graceful_timeout is over, or a second INT or QUIT ──▶ everything is killed
 *
 * Rules: Gunicorn's exit codes. Nothing is left behind, whatever the step.
 *
 * Runs in: arbiter.
 */
import { guarded } from "../last-resort.ts";
import type { ErrorLog } from "../logging/error-log.ts";
import type { Gateways } from "./gateways.ts";
import type { Generation } from "./generation.ts";
import type { Pidfile } from "./pidfile.ts";
import type { Upgrade } from "./upgrade.ts";

/** How long what was killed may take to be gone, ms. */
const KILL_GRACE_MS = 1000;
/** How long INT and QUIT wait for the children, ms. */
const QUICK_STOP_MS = 2000;

export interface ShutdownParts {
  readonly log: ErrorLog;
  readonly upgrade: Upgrade;
  readonly pidfile: Pidfile | null;
  readonly gateways: Gateways;
  readonly generations: ReadonlySet<Generation>;
  readonly current: () => Generation;
  /** It is certain: nothing new is begun, and nobody may connect any more. */
  readonly onBegun: () => void;
  /** `who` has had so long to leave, s, and is killed. */
  readonly onOverstayed: (who: string, graceSeconds: number) => void;
  /** Everything is gone; the process may leave. */
  readonly leave: (code: number) => void;
}

export class Shutdown {
  readonly #parts: ShutdownParts;
  #hasBegun = false;
  #isQuick = false;
  /** No gateway is left, and so no request. */
  #isDrained = false;
  /** The last line of the log is written. */
  #hasEnded = false;
  #delay: NodeJS.Timeout | null = null;
  #exitCode = 0;
  #exitReason = "";

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Nothing that dies is started again. A graceful stop may still need workers: requests wait for them. */
  get isLeaving(): boolean {
    return this.#isQuick || this.#isDrained;
  }

  /** TERM: nothing is lost. INT, QUIT: at once, and at the second one without a farewell. */
  stop(quick: boolean, canDelay: boolean): void {
    if (quick && this.#isQuick) this.#kill();
    else if (quick) this.#stopQuickly();
    else if (canDelay && !this.#hasBegun && this.#delay === null) this.#delayStop();
    else if (!this.#hasBegun) this.#stopGracefully();
  }

  /** Something without which there is no serving has failed: everything leaves, with this exit code. */
  halt(code: number, reason: string): void {
    if (this.#hasBegun) return;
    this.#exitCode = code;
    this.#exitReason = reason;
    this.#stopQuickly();
  }

  /** The instance has ended well, but for a hook. */
  spoil(code: number): void {
    this.#exitCode = code;
  }

  /** Clients are still accepted for a while: a load balancer needs time to notice. The second TERM finds `#delay` set. */
  #delayStop(): void {
    const { drain_delay } = this.#settings;
    if (drain_delay === 0) {
      this.#stopGracefully();
      return;
    }
    this.#parts.log.info(`Stopping in ${drain_delay} s; connections are accepted until then`);
    this.#parts.gateways.announceLeaving();
    this.#delay = setTimeout(() => this.#stopGracefully(), drain_delay * 1e3);
  }

  #stopGracefully(): void {
    this.#begin(this.#settings.graceful_timeout * 1e3, () => this.#killOverstayed());
    this.#parts.gateways.drain();
  }

  #stopQuickly(): void {
    if (this.#hasBegun) this.#parts.log.info("Quick shutdown requested");
    this.#isQuick = true;
    this.#begin(QUICK_STOP_MS);
    this.#parts.gateways.leave();
  }

  /** First the limit: whatever goes wrong with the rest, there is an end. */
  #begin(limitMs: number, onLate = () => this.#kill()): void {
    setTimeout(onLate, limitMs);
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#parts.onBegun();
      if (this.#delay !== null) clearTimeout(this.#delay);
      this.#parts.current().isLast = this.#settings.on_exit !== null;
    }
  }

  get #settings(): Generation["loaded"]["settings"] {
    return this.#parts.current().loaded.settings;
  }

  /** The time for a graceful stop is over. */
  #killOverstayed(): void {
    const { graceful_timeout } = this.#settings;
    const late = [...this.#parts.generations].flatMap((generation) => {
      const { workers, zygotePid, isClosing, isLast } = generation;
      if (workers.length > 0) return workers.map(({ pid }) => `Worker (pid:${pid})`);
      return isClosing && !isLast ? [`Zygote (pid:${zygotePid})`] : [];
    });
    if (!this.#isQuick) for (const who of late) this.#parts.onOverstayed(who, graceful_timeout);
    this.#kill();
  }

  #kill(): void {
    this.#isQuick = true; // what is killed here is not started again
    this.#parts.gateways.kill();
    for (const generation of this.#parts.generations) generation.kill();
    setTimeout(() => this.#end(), KILL_GRACE_MS).unref();
  }

  /** No client is left: the workers may go. */
  onDrained(): void {
    this.#isDrained = true;
    for (const generation of this.#parts.generations) {
      if (this.#isQuick) generation.quitAll();
      else generation.retireAll();
    }
    this.endWhenAlone();
  }

  /** To be called when a generation may have become the last one, and spent. */
  endWhenAlone(): void {
    const isAlone = [...this.#parts.generations].every((generation) => generation.isSpent);
    if (this.#isDrained && isAlone) this.#end();
  }

  /** True when this was the end. */
  onGone(generation: Generation): boolean {
    if (this.#hasEnded && generation.isLast) this.#leave();
    return this.#hasEnded;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { log, upgrade, pidfile, generations } = this.#parts;
    const level = this.#exitCode === 0 ? "info" : "error";
    log.write(level, `Shutting down: Master${upgrade.suffix}`);
    if (this.#exitReason !== "") log.write(level, `Reason: ${this.#exitReason}`);
    guarded(log, "removing the pid file", () => pidfile?.remove());
    const last = [...generations].find(({ isLast }) => isLast);
    if (last === undefined) {
      this.#leave();
    } else {
      last.farewell();
      setTimeout(() => this.#leave(), QUICK_STOP_MS);
    }
  }

  #leave(): void {
    this.#parts.leave(this.#exitCode);
  }
}
