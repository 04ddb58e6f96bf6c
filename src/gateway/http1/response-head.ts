/**
 * The bytes of a response around the application's own: the head with what the gateway adds to it, and the
 * frame of a chunk.
 *
 * Rules: the application's status and fields come checked and ready from the worker, and are copied as they
 * are; Gunicorn's order of the added fields; head and whole body in one Buffer, for one write. The version is
 * 1.0 for a request of HTTP/1.0 and 1.1 for every other.
 *
 * Runs in: gateway.
 */

export type ConnectionOption = "close" | "keep-alive" | "upgrade";

export interface ResponseHeadParts {
  /** The request's: 0 or 1. */
  readonly minorVersion: number;
  /** Code and phrase, "200 OK"; latin-1 text without CR or LF. */
  readonly status: string;
  /** IMF-fixdate, made by the caller once a second. */
  readonly date: string;
  readonly connection: ConnectionOption;
  readonly chunked: boolean;
  /** The Content-Length to add, or -1. */
  readonly contentLength: number;
  /** The application's field lines, each with its CRLF; may be empty. */
  readonly fieldLines: Uint8Array;
  /** Bytes to follow the head at once: the whole body, or its first piece, already framed. */
  readonly body?: Uint8Array | undefined;
}

const SERVER = "tunicorn";

export function buildResponseHead(parts: ResponseHeadParts): Buffer {
  const { fieldLines, body } = parts;
  const ours = ownLines(parts);
  const headLength = ours.length + fieldLines.length + 2;
  const head = Buffer.allocUnsafe(headLength + (body?.length ?? 0));
  head.write(ours, 0, "latin1");
  head.set(fieldLines, ours.length);
  head[headLength - 2] = 0x0d;
  head[headLength - 1] = 0x0a;
  if (body !== undefined) head.set(body, headLength);
  return head;
}

function ownLines(parts: ResponseHeadParts): string {
  const version = parts.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1";
  let lines =
    `${version} ${statusText(parts.status)}\r\nServer: ${SERVER}\r\nDate: ${parts.date}\r\n` +
    `Connection: ${parts.connection}\r\n`;
  if (parts.chunked) lines += "Transfer-Encoding: chunked\r\n";
  if (parts.contentLength >= 0) lines += `Content-Length: ${parts.contentLength}\r\n`;
  return lines;
}

/** RFC 9112 section 4: the space after the code stays when the phrase is missing. */
function statusText(status: string): string {
  return status.length === 3 ? `${status} ` : status;
}

/** Follows the data of each chunk. */
export const CHUNK_END: Buffer = Buffer.from("\r\n", "latin1");

/** Ends a chunked body, without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from("0\r\n\r\n", "latin1");

/** The size line of a chunk of `size` bytes, 1 or more: 0 would end the body. */
export function chunkHead(size: number): Buffer {
  return Buffer.from(`${size.toString(16).toUpperCase()}\r\n`, "latin1");
}

/** One chunk in one Buffer, for small data; large data is better written between its head and `CHUNK_END`. */
export function wholeChunk(data: Uint8Array): Buffer {
  const line = `${data.length.toString(16).toUpperCase()}\r\n`;
  const chunk = Buffer.allocUnsafe(line.length + data.length + 2);
  chunk.write(line, 0, "latin1");
  chunk.set(data, line.length);
  chunk[chunk.length - 2] = 0x0d;
  chunk[chunk.length - 1] = 0x0a;
  return chunk;
}
