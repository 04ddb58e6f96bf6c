/**
 * Cuts the bytes of one worker thread's reply stream into frames (PROTOCOL.md §5).
 *
 * A frame that lies whole in what was read is delivered as a view of it, nothing is copied. The data of a long frame
 * is delivered as it comes, so the size of a body never matters here: WHOLE and HEAD as soon as their head is there,
 * with the first part of the body, the rest as `onMore`. What is kept back until it is complete is bounded by `HEAD_BYTES`.
 *
 * Pure: no I/O. Runs in: gateway.
 */
import { FRAME, FRAME_HELLO } from "./layout.ts";

/** The largest head, and the largest payload of a FILE frame. Workers keep to it. */
export const HEAD_BYTES = 1024 * 1024 + 8192;

/** A frame's header. One object per reader, filled anew for each frame: read it inside the call, do not keep it. */
export interface FrameHeader {
  kind: number;
  flags: number;
  status: number;
  ticket: number;
  /** What only the one who claimed the ticket knows; 0 in HELLO. */
  key: number;
  headLength: number;
  /** Bytes; -1: the application gave none. */
  contentLength: number;
  payloadLength: number;
  /** When the ticket was claimed, ms, monotonic; 0: it was not. */
  claimed: number;
}

export interface ReplySink {
  /**
   * A frame begins. `bytes` from `start` to `end` are the payload so far: the whole head at least.
   * `complete`: and this is all of it.
   */
  onFrame(frame: FrameHeader, bytes: Buffer, start: number, end: number, complete: boolean): void;
  /** More of the payload of the frame begun last. */
  onMore(ticket: number, bytes: Buffer, start: number, end: number, complete: boolean): void;
  /** A frame's lengths cannot be: the reader has stopped. `fault` is to be read after "sent". */
  onUnreadable(fault: string): void;
}

const EMPTY = Buffer.alloc(0);

export class ReplyReader {
  readonly #sink: ReplySink;
  readonly #frame: FrameHeader = {
    kind: 0,
    flags: 0,
    status: 0,
    ticket: 0,
    key: 0,
    headLength: 0,
    contentLength: -1,
    payloadLength: 0,
    claimed: 0,
  };
  /** The beginning of a frame whose header or head is not complete. */
  #held: Buffer = EMPTY;
  /** Payload bytes of the current frame that are still to come. */
  #remaining = 0;
  #isStopped = false;

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Delivers nothing any more, also of what is just being read. */
  stop(): void {
    this.#isStopped = true;
    this.#held = EMPTY;
  }

  /** Whether a frame has begun whose end is still to come. */
  get isInFrame(): boolean {
    return this.#remaining > 0 || this.#held.length > 0;
  }

  /** The ticket of the frame whose payload is not complete; 0: none. */
  get ticketInFrame(): number {
    return this.#remaining > 0 ? this.#frame.ticket : 0;
  }

  read(chunk: Buffer): void {
    if (this.#isStopped) return;
    let bytes = chunk;
    let position = this.#remaining > 0 ? this.#continueFrame(chunk) : 0;
    if (this.#held.length > 0) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = EMPTY;
    }
    while (position < bytes.length && !this.#isStopped) {
      const next = this.#beginFrame(bytes, position);
      if (next < 0) {
        if (this.#isStopped) return;
        this.#held = Buffer.from(bytes.subarray(position));
        return;
      }
      position = next;
    }
  }

  /** Returns the position behind what the frame took, or -1 when its header or head is not all there. */
  #beginFrame(bytes: Buffer, position: number): number {
    const start = position + FRAME.headerBytes;
    if (bytes.length < start) return -1;
    const frame = this.#frame;
    frame.headLength = bytes.readUInt32LE(position + FRAME.headLength);
    frame.payloadLength = bytes.readUInt32LE(position + FRAME.payloadLength);
    frame.kind = bytes[position + FRAME.kind] as number;
    // In HELLO the slot stands in that place.
    if (frame.kind !== FRAME_HELLO) {
      if (frame.headLength > frame.payloadLength || frame.headLength > HEAD_BYTES) {
        this.stop();
        this.#sink.onUnreadable(`a head of ${frame.headLength} bytes in a frame of ${frame.payloadLength}`);
        return -1;
      }
      if (bytes.length < start + frame.headLength) return -1;
    }
    frame.flags = bytes[position + FRAME.flags] as number;
    frame.status = bytes.readUInt16LE(position + FRAME.status);
    frame.ticket = bytes.readUInt32LE(position + FRAME.ticket);
    frame.key = bytes.readUInt32LE(position + FRAME.key);
    frame.contentLength = bytes.readDoubleLE(position + FRAME.contentLength);
    frame.claimed = bytes.readDoubleLE(position + FRAME.claimed);
    const end = Math.min(bytes.length, start + frame.payloadLength);
    this.#remaining = start + frame.payloadLength - end;
    this.#sink.onFrame(frame, bytes, start, end, this.#remaining === 0);
    return end;
  }

  #continueFrame(chunk: Buffer): number {
    const end = Math.min(chunk.length, this.#remaining);
    this.#remaining -= end;
    this.#sink.onMore(this.#frame.ticket, chunk, 0, end, this.#remaining === 0);
    return end;
  }
}
