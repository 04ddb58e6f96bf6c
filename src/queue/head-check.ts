/**
 * Checks the head of a reply: workers validate what applications give them (python/tunicorn/response_head.py), but a head that
 * would split the response, or contradict how the gateway delimits its body, must not reach a client whoever wrote it.
 *
 * Each byte is looked at once: some 100 ns for a usual head.
 *
 * Pure: no I/O. Runs in: gateway.
 */

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_CASE = 0x20;

/** RFC 9110 §5.6.2: what may stand in a name; §5.5: in a value, or a reason phrase. */
const IN_NAME = 1;
const IN_VALUE = 2;
const CLASSES = new Uint8Array(256).map((_, byte) => {
  const character = String.fromCharCode(byte);
  const isValue = byte === 0x09 || (byte >= SPACE && byte !== 0x7f);
  return (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character) ? IN_NAME : 0) | (isValue ? IN_VALUE : 0);
});

/** The fields that say where a body ends, or what becomes of the connection: the gateway's, but for Content-Length. */
const CONTENT_LENGTH = Buffer.from("content-length");
const TRANSFER_ENCODING = Buffer.from("transfer-encoding");
const CONNECTION = Buffer.from("connection");

/**
 * `bytes` from `start` to `end`: "200 OK\r\n" and field lines. The code must be `status` and final, and there is a Content-Length
 * line if `contentLength` is not -1, which says the same. Returns what is wrong, to be read after "sent"; null: nothing.
 */
export function maybeHeadFault(
  bytes: Buffer,
  start: number,
  end: number,
  status: number,
  contentLength: number,
): string | null {
  if (status < 200 || status > 999) return `a final status of ${status}`;
  if (end - start < 5 || codeAt(bytes, start) !== status) return "a head with another status";
  let at = start + 3;
  if (bytes[at] === SPACE) at = skip(bytes, at, end, IN_VALUE);
  if (!isLineEnd(bytes, at, end)) return "a head with a bad status line";
  return maybeLinesFault(bytes, at + 2, end, contentLength);
}

/** `bytes` from `start` to `end`: field lines, each with its CRLF. */
export function maybeLinesFault(
  bytes: Buffer,
  start: number,
  end: number,
  contentLength: number,
): string | null {
  let seenLength = -1;
  for (let at = start; at < end; ) {
    const colon = skip(bytes, at, end, IN_NAME);
    if (colon === at || colon === end || bytes[colon] !== COLON) return "a head with a bad field name";
    const valueEnd = skip(bytes, colon + 1, end, IN_VALUE);
    if (!isLineEnd(bytes, valueEnd, end)) return "a head with a bad field value";
    if (isName(bytes, at, colon, CONTENT_LENGTH)) {
      if (seenLength >= 0) return "a head with two Content-Lengths";
      seenLength = digits(bytes, colon + 1, valueEnd);
      if (seenLength !== contentLength) return "a head with another Content-Length";
    } else if (isName(bytes, at, colon, TRANSFER_ENCODING) || isName(bytes, at, colon, CONNECTION)) {
      return "a head with a field of the gateway's";
    }
    at = valueEnd + 2;
  }
  return seenLength === contentLength ? null : "a head without its Content-Length";
}

/** Where the bytes of this class end. */
function skip(bytes: Buffer, start: number, end: number, classes: number): number {
  let at = start;
  while (at < end && ((CLASSES[bytes[at] as number] as number) & classes) !== 0) at++;
  return at;
}

function isLineEnd(bytes: Buffer, at: number, end: number): boolean {
  return at + 2 <= end && bytes[at] === CR && bytes[at + 1] === LF;
}

/** Three digits; -1 where there are others. */
function codeAt(bytes: Buffer, start: number): number {
  return digits(bytes, start, start + 3);
}

/** A number with spaces around it; -1 when it is none. */
function digits(bytes: Buffer, start: number, end: number): number {
  let at = start;
  let last = end;
  while (at < last && bytes[at] === SPACE) at++;
  while (last > at && bytes[last - 1] === SPACE) last--;
  if (at === last) return -1;
  let value = 0;
  for (; at < last; at++) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > NINE) return -1;
    value = value * 10 + byte - ZERO;
  }
  return value;
}

function isName(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false;
  for (let at = 0; at < name.length; at++) {
    if (((bytes[start + at] as number) | LOWER_CASE) !== name[at]) return false;
  }
  return true;
}
