/**
 * Collects one request's body before a worker is asked for: in memory while it is small, then in a spool file.
 *
 * Runs in: gateway.
 */
import { BODY_INLINE, BODY_NONE, BODY_SPOOLED } from "../queue/layout.ts";
import { SpoolFile } from "./spool-file.ts";

/** Larger bodies go to a spool file. With its head, such a body fits one segment of the arena. */
export const INLINE_BODY_BYTES = 32 * 1024;

export class RequestBody {
  length = 0;
  readonly #spoolPath: () => string;
  readonly #onSpoolError: (error: Error) => void;
  #parts: Uint8Array[] = [];
  #spool: SpoolFile | null = null;

  constructor(spoolPath: () => string, onSpoolError: (error: Error) => void) {
    this.#spoolPath = spoolPath;
    this.#onSpoolError = onSpoolError;
  }

  /** Takes a copy of the bytes. Returns false when the client should wait for `onDrained`. */
  append(bytes: Uint8Array, onDrained: () => void): boolean {
    this.length += bytes.length;
    if (this.#spool === null && this.length <= INLINE_BODY_BYTES) {
      this.#parts.push(Buffer.from(bytes));
      return true;
    }
    return this.#spoolFile().write(bytes, onDrained);
  }

  /** `onComplete` is called when the body can be handed to a worker; at once when it is in memory. */
  end(onComplete: () => void): void {
    if (this.#spool === null) onComplete();
    else this.#spool.end(onComplete);
  }

  get kind(): number {
    if (this.#spool !== null) return BODY_SPOOLED;
    return this.length === 0 ? BODY_NONE : BODY_INLINE;
  }

  /** What stands in the record: the body, or the path of the spool file. */
  get record(): readonly Uint8Array[] {
    return this.#spool === null ? this.#parts : [Buffer.from(this.#spool.path)];
  }

  /** The body is not needed any more. */
  discard(): void {
    this.#parts = [];
    this.#spool?.discard();
  }

  #spoolFile(): SpoolFile {
    if (this.#spool === null) {
      this.#spool = new SpoolFile(this.#spoolPath(), this.#onSpoolError);
      for (const part of this.#parts) this.#spool.write(part, () => {});
      this.#parts = [];
    }
    return this.#spool;
  }
}
