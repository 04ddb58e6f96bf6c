/**
 * Checks the frames of one reply stream before anything is done with them: their order, and what each says. A worker may be
 * broken: a descriptor was closed twice, memory was overwritten, a forked child writes too. What it sends then costs that
 * worker and its request, and nobody else's (docs/decisions/0024-frames-are-checked.md).
 *
 *   unnamed ──HELLO──▶ idle ──WHOLE, END, FAIL, EARLY_HINTS──▶ idle
 *                      idle ──HEAD──▶ begun ──BODY──▶ begun ──END, FAIL──▶ idle
 *                      idle ──FILE──▶ offered ──WHOLE, END, FAIL──▶ idle,  ──HEAD──▶ begun
 *
 * While a reply has begun, or a file is offered, every frame is of that ticket. After the end of a reply no frame is. Whether the
 * ticket is the sender's is the dispatcher's to know.
 *
 * On the way of a reply these are some comparisons and one look at each byte of its head: no allocation, no system call.
 *
 * Pure: no I/O. Runs in: gateway.
 */
import { maybeHeadFault, maybeLinesFault } from "./head-check.ts";
import {
  FILE,
  FLAG_CLOSE,
  FRAME_BODY,
  FRAME_EARLY_HINTS,
  FRAME_END,
  FRAME_FAIL,
  FRAME_FILE,
  FRAME_HEAD,
  FRAME_HELLO,
  FRAME_WHOLE,
} from "./layout.ts";
import type { FrameHeader } from "./reply-reader.ts";

/** pid_max of Linux. */
const MAX_PID = 4_194_304;
/** Milliseconds; the monotonic clock counts from the boot of the machine. */
const MAX_CLAIMED = 1e15;
/** PATH_MAX of Linux. */
const PATH_BYTES = 4096;
const SLASH = 0x2f;

const UNNAMED = 0;
const IDLE = 1;
const BEGUN = 2;
const OFFERED = 3;

export class FrameCheck {
  #state: typeof UNNAMED | typeof IDLE | typeof BEGUN | typeof OFFERED = UNNAMED;
  /** Whose reply has begun, or was the latest. */
  #ticket = 0;
  #isOver = false;

  /** The ticket whose reply has begun, but may have more frames; 0: none. */
  get openTicket(): number {
    return this.#state === BEGUN || this.#state === OFFERED ? this.#ticket : 0;
  }

  /**
   * `bytes` from `start` on are the payload, its head at least. Returns what is wrong with the frame, as the log says it after
   * "sent"; null: nothing. Nothing may be read from a stream after a frame with a fault.
   */
  maybeFault(frame: FrameHeader, bytes: Buffer, start: number): string | null {
    switch (frame.kind) {
      case FRAME_WHOLE:
        return this.#maybeOrderFault(frame) ?? maybeReplyFault(frame, bytes, start) ?? this.#end(frame);
      case FRAME_HEAD:
        return (
          this.#maybeOrderFault(frame) ?? maybeReplyFault(frame, bytes, start) ?? this.#begin(BEGUN, frame)
        );
      case FRAME_BODY:
        if (this.#state !== BEGUN || frame.ticket !== this.#ticket) return "a body without a head";
        return frame.headLength === 0 ? null : "a body with the length of a head";
      case FRAME_END:
      case FRAME_FAIL:
        return this.#maybeEndFault(frame) ?? this.#end(frame);
      case FRAME_EARLY_HINTS:
        return this.#maybeHintsFault(frame, bytes, start);
      case FRAME_FILE:
        if (this.#state === OFFERED) return "a second file for the same request";
        return (
          this.#maybeOrderFault(frame) ?? maybeFileFault(frame, bytes, start) ?? this.#begin(OFFERED, frame)
        );
      case FRAME_HELLO:
        return this.#maybeHelloFault(frame);
      default:
        return `a frame of unknown kind ${frame.kind}`;
    }
  }

  #begin(state: typeof BEGUN | typeof OFFERED, frame: FrameHeader): null {
    this.#state = state;
    this.#ticket = frame.ticket;
    this.#isOver = false;
    return null;
  }

  #end(frame: FrameHeader): null {
    this.#state = IDLE;
    this.#ticket = frame.ticket;
    this.#isOver = true;
    return null;
  }

  /** Of a frame that brings the head of a reply. */
  #maybeOrderFault({ ticket }: FrameHeader): string | null {
    if (this.#state === IDLE)
      return ticket === this.#ticket && this.#isOver ? "two replies to one request" : null;
    if (this.#state === OFFERED) return ticket === this.#ticket ? null : "a reply amidst another one";
    return this.#state === UNNAMED ? "a frame before HELLO" : "a head amidst a reply";
  }

  #maybeEndFault({ ticket, payloadLength, headLength }: FrameHeader): string | null {
    if (payloadLength !== 0 || headLength !== 0) return "an end with a payload";
    if (this.#state === UNNAMED) return "a frame before HELLO";
    if (this.#state === IDLE) return ticket === this.#ticket && this.#isOver ? "two ends of one reply" : null;
    return ticket === this.#ticket ? null : "the end of another reply than the one that has begun";
  }

  #maybeHintsFault(frame: FrameHeader, bytes: Buffer, start: number): string | null {
    if (this.#state !== IDLE) return this.#maybeOrderFault(frame) ?? "early hints amidst a reply";
    if (frame.ticket === this.#ticket && this.#isOver) return "early hints after a reply";
    if (frame.payloadLength !== frame.headLength) return "early hints with a body";
    return maybeFieldFault(frame) ?? maybeLinesFault(bytes, start, start + frame.headLength, -1);
  }

  #maybeHelloFault({ payloadLength, ticket: age, contentLength: pid }: FrameHeader): string | null {
    if (this.#state !== UNNAMED) return "a second HELLO";
    if (payloadLength !== 0) return "a HELLO with a payload";
    if (age === 0 || !Number.isInteger(pid) || pid < 1 || pid > MAX_PID) return "a HELLO of nobody";
    this.#state = IDLE;
    return null;
  }
}

/** Of WHOLE and HEAD. */
function maybeReplyFault(frame: FrameHeader, bytes: Buffer, start: number): string | null {
  const { status, contentLength, headLength } = frame;
  return maybeFieldFault(frame) ?? maybeHeadFault(bytes, start, start + headLength, status, contentLength);
}

function maybeFieldFault({ ticket, flags, contentLength, claimed }: FrameHeader): string | null {
  if (ticket === 0) return "a frame without a ticket";
  if ((flags & ~FLAG_CLOSE) !== 0) return `a frame with unknown flags ${flags}`;
  if (contentLength !== -1 && !isLength(contentLength)) return `a Content-Length of ${contentLength}`;
  // NaN is not comparable.
  return claimed >= 0 && claimed < MAX_CLAIMED ? null : `a request claimed at ${claimed}`;
}

const isLength = (value: number): boolean => value >= 0 && Number.isSafeInteger(value);

function maybeFileFault(frame: FrameHeader, bytes: Buffer, start: number): string | null {
  const { status, contentLength, payloadLength, headLength } = frame;
  if (payloadLength !== headLength || payloadLength < FILE.infoBytes) return "a file of a wrong length";
  const end = start + payloadLength;
  const headStart = start + FILE.infoBytes;
  const pathStart = headStart + bytes.readUInt32LE(start + FILE.headLength);
  if (pathStart >= end || end - pathStart > PATH_BYTES) return "a file without a path";
  if (bytes[pathStart] !== SLASH || bytes.subarray(pathStart, end).includes(0))
    return "a file with a bad path";
  const offset = Number(bytes.readBigUInt64LE(start + FILE.offset));
  const length = Number(bytes.readBigUInt64LE(start + FILE.length));
  if (length === 0 || !isLength(offset + length))
    return `a part of a file from ${offset} on, ${length} bytes`;
  if (contentLength >= 0 && length > contentLength) return "a part of a file beyond its Content-Length";
  return maybeFieldFault(frame) ?? maybeHeadFault(bytes, headStart, pathStart, status, contentLength);
}
