/**
 * The bytes HTTP/1.1 is made of: one table of 256 entries per rule of the grammar, so that every reader
 * decides with one look-up per byte.
 *
 * Rules: a table says what a byte may be, never what it means; no regular expression runs over client bytes.
 *
 * Runs in: gateway.
 */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const DQUOTE = 0x22;
export const PERCENT = 0x25;
export const ASTERISK = 0x2a;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;

/** 1 for each byte of `ranges` (inclusive pairs), 0 for the others. */
function byteTable(...ranges: readonly (readonly [number, number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [first, last] of ranges) table.fill(1, first, last + 1);
  return table;
}

function bytesOf(characters: string): (readonly [number, number])[] {
  return [...Buffer.from(characters, "latin1")].map((byte) => [byte, byte] as const);
}

const DIGITS = [0x30, 0x39] as const;
const UPPER = [0x41, 0x5a] as const;
const LOWER = [0x61, 0x7a] as const;

/** RFC 9110 section 5.6.2: tchar, the bytes of a token (method, field name, chunk extension name). */
export const TCHAR = byteTable(DIGITS, UPPER, LOWER, ...bytesOf("!#$%&'*+-.^_`|~"));

/** RFC 9110 section 5.5: SP, HTAB, VCHAR and obs-text, the bytes between a field's colon and its CRLF. */
export const FIELD_VALUE = byteTable([HTAB, HTAB], [SP, 0x7e], [0x80, 0xff]);

/** RFC 9112 section 3.2, RFC 3986 section 2: printable ASCII without SP; the rest must be percent-encoded. */
export const TARGET = byteTable([0x21, 0x7e]);

/** RFC 3986 section 3.1: the bytes of a scheme (the first must also be a letter). */
export const SCHEME = byteTable(DIGITS, UPPER, LOWER, ...bytesOf("+-."));

/** RFC 3986 section 2.3: what never needs an escape. */
export const UNRESERVED = byteTable(DIGITS, UPPER, LOWER, ...bytesOf("-._~"));

/** RFC 3986 section 3.2.2: the bytes of a registered name, but for its escapes; `_` is one of them. */
export const REG_NAME = byteTable(DIGITS, UPPER, LOWER, ...bytesOf("-._~!$&'()*+,;="));

export const ALPHA = byteTable(UPPER, LOWER);

export const DIGIT = byteTable(DIGITS);

export const HEX_DIGIT = byteTable(DIGITS, [0x41, 0x46], [0x61, 0x66]);

/** RFC 9110 section 5.6.4: qdtext, the bytes of a quoted string that need no backslash. */
export const QDTEXT = byteTable([HTAB, HTAB], [SP, 0x21], [0x23, 0x5b], [0x5d, 0x7e], [0x80, 0xff]);

/** The value of a hexadecimal digit, or `NOT_HEX`. */
export const NOT_HEX = 0xff;
export const HEX_VALUE = hexValues();

function hexValues(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_HEX);
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16);
    table[digit.charCodeAt(0)] = value;
    table[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return table;
}

/** Where the next LF is in `bytes[from, end)`, or -1. Lines end at their first LF, whatever precedes it. */
export function indexOfLineFeed(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    if (bytes[at] === LF) return at;
  }
  return -1;
}

/** Whether every character of a non-empty text is in `table`; the text is latin-1. */
export function consistsOf(text: string, table: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if (table[text.charCodeAt(at)] !== 1) return false;
  }
  return text.length > 0;
}

/** RFC 9110 section 5.6.3: the bytes of optional whitespace. */
export function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

export function trimBlanks(text: string): string {
  let start = 0;
  while (isBlank(text.charCodeAt(start))) start++;
  return trimBlanksAfter(text.slice(start));
}

export function trimBlanksAfter(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}
