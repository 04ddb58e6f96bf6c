/**
 * A client that has ended its side of the connection, which is how most clients leave; some still read.
 *
 * Which of them it is shows only when something is sent: who has left answers with a reset. But a socket from which there is no more to
 * read is not looked at for that, so the next write is the first to hear of it, and it may come much later. So after what was
 * written, writes of nothing are made, which fail as a real one would (tcp_sendmsg looks for errors first).
 *
 * Runs in: gateway.
 */
import type { Socket } from "node:net";
import { monotonicMs } from "./clock.ts";

/** How long after something was written it is looked whether the client is still there, ms: one nearby, and one far away. */
const LOOKS_MS = [1, 4, 15, 40, 100, 250, 600] as const;

const NOTHING = Buffer.alloc(0);

export class EndedClient {
  /** When it did, or later by the time in which the gateway did not run. */
  sinceMs = monotonicMs();
  /** Nobody has looked yet whether its request is with a worker. */
  mayBeUnclaimed = true;
  readonly #socket: Socket;
  #isLooking = false;
  #hasWritten = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  onWritten(): void {
    this.#hasWritten = true;
    if (!this.#isLooking) this.#look(0);
  }

  #look(step: number): void {
    if (step === 0) this.#hasWritten = false;
    const next = LOOKS_MS[step];
    this.#isLooking = next !== undefined;
    if (next === undefined) {
      if (this.#hasWritten) this.#look(0);
      return;
    }
    setTimeout(() => {
      if (this.#socket.destroyed || this.#socket.writableEnded) return;
      // While something waits to be written the system is asked already.
      if (this.#socket.writableLength === 0) this.#socket.write(NOTHING);
      this.#look(step + 1);
    }, next);
  }
}
