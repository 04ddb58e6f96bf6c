/**
 * Writes a dict of strings in Python's marshal format, which the worker decodes with one call into C.
 *
 * Only what an environ needs: a dict, short interned ASCII keys, ASCII or UTF-8 string values. No reference flags, so
 * the bytes of a key can be kept and copied. The format of these types is the same in every supported Python
 * (Python/marshal.c; test/python checks it against the running one).
 *
 * Runs in: gateway.
 */

const TYPE_DICT = 0x7b; // {
const TYPE_NULL = 0x30; // 0
const TYPE_SHORT_ASCII = 0x7a; // z
const TYPE_SHORT_ASCII_INTERNED = 0x5a; // Z
const TYPE_ASCII = 0x61; // a
const TYPE_UNICODE = 0x75; // u

/** The longest string with a one-byte length. */
const SHORT_BYTES = 255;

/** Below this length a loop over the characters beats the call into C++ that `Buffer.write` makes (measured). */
const LOOP_CHARACTERS = 24;

const NON_ASCII = /[^\x00-\x7f]/;

/** The bytes of a key, to be kept and written with `writeKey`. Keys are ASCII of at most 255 characters. */
export function marshalKey(key: string): Uint8Array {
  if (key.length > SHORT_BYTES || NON_ASCII.test(key)) {
    throw new RangeError(`not a short ASCII key: ${key.slice(0, 40)}`);
  }
  return Buffer.concat([Buffer.from([TYPE_SHORT_ASCII_INTERNED, key.length]), Buffer.from(key, "latin1")]);
}

/** Appends marshal values to one growing buffer that is used again for every batch of requests. */
export class MarshalWriter {
  buffer: Buffer;
  position = 0;

  constructor(initialBytes = 256 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.#grow(bytes);
  }

  beginDict(): void {
    this.reserve(1);
    this.buffer[this.position++] = TYPE_DICT;
  }

  endDict(): void {
    this.reserve(1);
    this.buffer[this.position++] = TYPE_NULL;
  }

  /** A key made by `marshalKey`. */
  key(bytes: Uint8Array): void {
    const length = bytes.length;
    this.reserve(length);
    const { buffer } = this;
    let position = this.position;
    for (let i = 0; i < length; i++) buffer[position++] = bytes[i] as number;
    this.position = position;
  }

  /** A key that is not kept. */
  freshKey(key: string): void {
    if (key.length > SHORT_BYTES || NON_ASCII.test(key)) this.string(key);
    else this.#ascii(TYPE_SHORT_ASCII_INTERNED, key);
  }

  /** A string that is known to be ASCII. */
  asciiString(value: string): void {
    if (value.length <= SHORT_BYTES) {
      this.#ascii(TYPE_SHORT_ASCII, value);
      return;
    }
    this.reserve(5 + value.length);
    this.buffer[this.position] = TYPE_ASCII;
    this.buffer.writeUInt32LE(value.length, this.position + 1);
    this.buffer.write(value, this.position + 5, "latin1");
    this.position += 5 + value.length;
  }

  /** Any string; one that came off the wire as latin-1 becomes the same latin-1 string in Python (PEP 3333). */
  string(value: string): void {
    if (!NON_ASCII.test(value)) {
      this.asciiString(value);
      return;
    }
    const bytes = Buffer.byteLength(value, "utf8");
    this.reserve(5 + bytes);
    this.buffer[this.position] = TYPE_UNICODE;
    this.buffer.writeUInt32LE(bytes, this.position + 1);
    this.buffer.write(value, this.position + 5, "utf8");
    this.position += 5 + bytes;
  }

  /** Raw bytes, such as a part of a dict that was written earlier. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  #ascii(type: number, value: string): void {
    const length = value.length;
    this.reserve(2 + length);
    const { buffer } = this;
    let position = this.position;
    buffer[position++] = type;
    buffer[position++] = length;
    if (length < LOOP_CHARACTERS) {
      for (let i = 0; i < length; i++) buffer[position++] = value.charCodeAt(i);
    } else {
      buffer.write(value, position, "latin1");
      position += length;
    }
    this.position = position;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.position + bytes));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }
}
