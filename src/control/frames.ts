/**
 * The frames of the control socket, which are Gunicorn's: four bytes of length, big-endian, then JSON.
 *
 * Pure: no I/O. Runs in: arbiter, tunicornctl.
 */
const LENGTH_BYTES = 4;
/** Gunicorn's limit. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** What the arbiter reads: a command is a few words. */
export const MAX_REQUEST_BYTES = 64 * 1024;

export interface ControlRequest {
  readonly id: number;
  /** One command with its words, as a shell would split them. */
  readonly command: string;
  readonly args?: readonly unknown[];
}

export type ControlResponse =
  | { readonly id: number; readonly status: "ok"; readonly data: unknown }
  | { readonly id: number; readonly status: "error"; readonly error: string };

export function encodeFrame(message: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** What came is a request. Throws Error, for whoever sent it, when it is not. */
export function readRequest(message: unknown): Required<ControlRequest> {
  if (typeof message !== "object" || message === null || Array.isArray(message))
    throw new Error("Invalid argument: a request is an object");
  const { id = 0, command = "", args = [] } = message as Readonly<Record<string, unknown>>;
  if (typeof id !== "number") throw new Error("Invalid argument: id must be a number");
  if (typeof command !== "string") throw new Error("Invalid argument: command must be a string");
  // gunicornc may send null.
  return { id, command, args: readArguments(args ?? []) };
}

function readArguments(args: unknown): readonly string[] {
  const areWords = Array.isArray(args) && args.every((word) => ["string", "number"].includes(typeof word));
  if (!areWords) throw new Error("Invalid argument: args must be a list of words");
  return args.map(String);
}

/** Cuts a stream into messages. */
export class FrameReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  /** Of the frame that has begun, its length field included; 0 while that is not known. */
  #frameBytes = 0;

  constructor(maxBytes = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that are complete now. Throws Error when this is no such stream. */
  read(bytes: Buffer): unknown[] {
    this.#parts.push(bytes);
    this.#partsBytes += bytes.length;
    const messages: unknown[] = [];
    while (this.#isComplete())
      messages.push(JSON.parse(this.#take(this.#frameBytes).toString("utf8", LENGTH_BYTES)));
    return messages;
  }

  #isComplete(): boolean {
    if (this.#frameBytes === 0) {
      if (this.#partsBytes < LENGTH_BYTES) return false;
      const length = this.#joined().readUInt32BE(0);
      if (length > this.#maxBytes) throw new Error("message too large");
      this.#frameBytes = LENGTH_BYTES + length;
    }
    return this.#partsBytes >= this.#frameBytes;
  }

  #take(length: number): Buffer {
    const joined = this.#joined();
    const rest = joined.subarray(length);
    this.#parts = [rest];
    this.#partsBytes = rest.length;
    this.#frameBytes = 0;
    return joined.subarray(0, length);
  }

  /** Joined when a frame begins and when it is complete, not at every byte of a client that sends one at a time. */
  #joined(): Buffer {
    const joined = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}
