/**
 * The frames of the control socket, which are Gunicorn's: four bytes of length, big-endian, then JSON.
 *
 * Pure: no I/O. Runs in: arbiter, tunicornctl.
 */
const LENGTH_BYTES = 4;
/** Gunicorn's limit. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

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

/** Cuts a stream into messages. */
export class FrameReader {
  #bytes = Buffer.alloc(0);

  /** The messages that are complete now. Throws Error when this is no such stream. */
  read(bytes: Buffer): unknown[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const messages: unknown[] = [];
    while (this.#bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#bytes.readUInt32BE(0);
      if (end - LENGTH_BYTES > MAX_MESSAGE_BYTES) throw new Error("message too large");
      if (this.#bytes.length < end) break;
      messages.push(JSON.parse(this.#bytes.toString("utf8", LENGTH_BYTES, end)));
      this.#bytes = this.#bytes.subarray(end);
    }
    return messages;
  }
}
