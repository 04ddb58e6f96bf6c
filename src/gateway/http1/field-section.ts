/**
 * Field lines up to the empty line that ends them: the header section of a request, or the trailer section of
 * a chunked body (RFC 9112 section 5).
 *
 * Rules: name a token, no space before the colon, value without control bytes, line ended by CRLF; folded
 * lines are refused unless permitted. Host, Content-Type and Content-Length may stand once, because two of them
 * leave the message open to two readings (RFC 9110 section 5.3). Number of fields and bytes of each are
 * bounded, hence also the section. A limit is judged before the syntax of the same line, so that an incomplete
 * line and a complete one give the same error.
 *
 * One pass: `#takeLine` recognises a valid line while it looks for its end; only what it does not recognise
 * goes to `#takeUnusualLine`, which finds out why. Values are cut from one latin-1 text per call, so they share
 * its memory: a value kept for long should be copied.
 *
 * Runs in: gateway.
 */
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  type FieldName,
  HOST,
  hashNameByte,
  internFieldNameBytes,
  NAME_HASH_SEED,
} from "./field-name.ts";
import {
  COLON,
  CR,
  consistsOf,
  FIELD_VALUE,
  indexOfLineFeed,
  isBlank,
  LF,
  TCHAR,
  trimBlanks,
  trimBlanksAfter,
} from "./grammar.ts";
import {
  BARE_LF,
  fieldTooLarge,
  invalidHeader,
  invalidHeaderName,
  obsoleteFolding,
  tooManyFields,
} from "./protocol-error.ts";
import type { SectionConsumer } from "./section-reader.ts";

export interface Field {
  readonly name: FieldName;
  /** As latin-1 text, without the whitespace around it. */
  readonly value: string;
  /** Whether every byte of the value is below 0x80. */
  readonly ascii: boolean;
}

export interface FieldRules {
  /** Field lines of one section, 1 to 32768; Gunicorn takes a setting outside of this as 32768. */
  readonly limit_request_fields: number;
  /** Bytes of a field line with its CRLF (and its folded lines), 1 or more; Gunicorn takes 0 and less as 8190. */
  readonly limit_request_field_size: number;
  readonly permit_obsolete_folding: boolean;
  readonly strip_header_spaces: boolean;
}

interface MutableField extends Field {
  value: string;
  ascii: boolean;
}

const INCOMPLETE = -1;

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return false;
  }
  return true;
}

export class FieldSection implements SectionConsumer {
  readonly #limitFields: number;
  readonly #limitFieldSize: number;
  readonly #permitFolding: boolean;
  readonly #stripSpaces: boolean;
  readonly #forbidden: ReadonlySet<FieldName> | undefined;

  /** The fields read since the last `forget`; the last ones have no value before the section is complete. */
  #fields: MutableField[] = [];
  /** Of those that were forgotten too. */
  #count = 0;
  /** Where in the bytes the last field's line starts. */
  #lastFieldStart = 0;
  /** Where the values of the fields without one lie: start and end of each. */
  readonly #spans: number[] = [];
  /** Bytes of the last field's lines, CRLFs included. */
  #fieldSize = 0;
  #complete = false;
  /** Its number; -1: there is none. */
  #hostNr = -1;
  #hasContentType = false;
  #hasContentLength = false;

  /** `forbidden` is what a trailer section must not contain. */
  constructor(rules: FieldRules, forbidden?: ReadonlySet<FieldName>) {
    this.#forbidden = forbidden;
    this.#limitFields = rules.limit_request_fields;
    this.#limitFieldSize = rules.limit_request_field_size;
    this.#permitFolding = rules.permit_obsolete_folding;
    this.#stripSpaces = rules.strip_header_spaces;
  }

  get complete(): boolean {
    return this.#complete;
  }

  get fields(): readonly Field[] {
    return this.#fields;
  }

  /** The value of the field Host; undefined when there is none. */
  get host(): string | undefined {
    return this.#fields[this.#hostNr]?.value;
  }

  /** Makes `value`, which is ASCII, the one of the field Host; adds the field when there is none. */
  replaceHost(value: string): void {
    const field = { name: HOST, value, ascii: true };
    if (this.#hostNr < 0) this.#fields.push(field);
    else this.#fields[this.#hostNr] = field;
  }

  forget(shift: number): void {
    this.#fields = [];
    this.#spans.length = 0;
    this.#lastFieldStart -= shift;
  }

  reset(): void {
    this.#fields = [];
    this.#spans.length = 0;
    this.#count = 0;
    this.#lastFieldStart = 0;
    this.#fieldSize = 0;
    this.#complete = false;
    this.#hostNr = -1;
    this.#hasContentType = false;
    this.#hasContentLength = false;
  }

  takeLines(bytes: Buffer, offset: number, end: number): number {
    let lineStart = offset;
    while (lineStart < end && !this.#complete) {
      const next = this.#takeLine(bytes, lineStart, end);
      if (next === INCOMPLETE) break;
      lineStart = next;
    }
    // Until then they are nobody's, and would be forgotten.
    if (this.#complete) this.#cutValues(bytes);
    return lineStart;
  }

  checkIncompleteLine(first: number, length: number, contentLength: number): void {
    const isFolded = isBlank(first) && this.#count > 0;
    const mayEndSection = first === CR && length === 1;
    if (!isFolded && !mayEndSection) this.#checkFieldCount();
    this.#checkFieldSize(contentLength + 2, isFolded);
  }

  /** Reads one line if it is complete; returns where the next one starts, or INCOMPLETE. */
  #takeLine(bytes: Buffer, lineStart: number, end: number): number {
    if (bytes[lineStart] === CR) {
      if (lineStart + 1 === end) return INCOMPLETE;
      if (bytes[lineStart + 1] === LF) {
        this.#complete = true;
        return lineStart + 2;
      }
    }

    let at = lineStart;
    let hash = NAME_HASH_SEED;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (TCHAR[byte] !== 1) break;
      hash = hashNameByte(hash, byte);
    }
    const nameEnd = at;
    if (this.#stripSpaces) while (at < end && isBlank(bytes[at])) at++;
    if (at === end || bytes[at] !== COLON || nameEnd === lineStart) {
      return this.#takeUnusualLine(bytes, lineStart, end);
    }

    at++;
    while (at < end && isBlank(bytes[at])) at++;
    const valueStart = at;
    let union = 0;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (FIELD_VALUE[byte] !== 1) break;
      union |= byte;
    }
    if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) {
      return this.#takeUnusualLine(bytes, lineStart, end);
    }

    this.#checkFieldCount();
    this.#fieldSize = at + 2 - lineStart;
    if (this.#fieldSize > this.#limitFieldSize) throw fieldTooLarge();
    let valueEnd = at;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
    const name = internFieldNameBytes(bytes, lineStart, nameEnd, hash);
    if (this.#forbidden?.has(name)) throw invalidHeaderName(name.lower.toUpperCase());
    this.#noteSingleton(name);
    this.#fields.push({ name, value: "", ascii: union < 0x80 });
    this.#count++;
    this.#lastFieldStart = lineStart;
    this.#spans.push(valueStart, valueEnd);
    return at + 2;
  }

  /** Takes a folded line where they are permitted; refuses everything else that is complete. */
  #takeUnusualLine(bytes: Buffer, lineStart: number, end: number): number {
    const lineFeed = indexOfLineFeed(bytes, lineStart, end);
    if (lineFeed < 0) return INCOMPLETE;
    const isBare = lineFeed === lineStart || bytes[lineFeed - 1] !== CR;
    const contentEnd = isBare ? lineFeed : lineFeed - 1;
    const isFolded = isBlank(bytes[lineStart]) && this.#count > 0;
    if (!isFolded) this.#checkFieldCount();
    this.#checkFieldSize(contentEnd + 2 - lineStart, isFolded);
    if (isBare) throw invalidHeader(BARE_LF);
    const line = bytes.toString("latin1", lineStart, contentEnd);
    if (!isFolded) throw this.#whyInvalid(line);
    this.#unfold(bytes, line);
    return lineFeed + 1;
  }

  /** Each cause in the order in which Gunicorn looks for it. */
  #whyInvalid(line: string): Error {
    const colon = line.indexOf(":");
    if (colon <= 0) return invalidHeader(line);
    const spelled = line.slice(0, colon);
    const name = this.#stripSpaces ? trimBlanksAfter(spelled) : spelled;
    return consistsOf(name, TCHAR) ? invalidHeader(name.toUpperCase()) : invalidHeaderName(name);
  }

  /** Joins a folded line to the last field with one space (RFC 9112 section 5.2). */
  #unfold(bytes: Buffer, line: string): void {
    const field = this.#lastName(bytes);
    if (!this.#permitFolding) throw obsoleteFolding(field);
    if (line.length > 0 && !consistsOf(line, FIELD_VALUE)) throw invalidHeader(field);
    this.#fieldSize += line.length + 2;
    this.#cutValues(bytes);
    const last = this.#fields.at(-1);
    if (last === undefined) return;
    last.value = `${last.value} ${trimBlanks(line)}`;
    last.ascii &&= isAscii(line);
  }

  /** In upper case. The field itself may be forgotten. */
  #lastName(bytes: Buffer): string {
    let end = this.#lastFieldStart;
    while (TCHAR[bytes[end] as number] === 1) end++;
    return bytes.toString("latin1", this.#lastFieldStart, end).toUpperCase();
  }

  #checkFieldCount(): void {
    if (this.#count >= this.#limitFields) throw tooManyFields();
  }

  #checkFieldSize(lineSize: number, isFolded: boolean): void {
    const before = isFolded && this.#permitFolding ? this.#fieldSize : 0;
    if (before + lineSize > this.#limitFieldSize) throw fieldTooLarge();
  }

  #noteSingleton(name: FieldName): void {
    if (name === HOST) {
      if (this.#hostNr >= 0) throw invalidHeader("HOST");
      this.#hostNr = this.#count;
    } else if (name === CONTENT_LENGTH) {
      if (this.#hasContentLength) throw invalidHeader("CONTENT-LENGTH");
      this.#hasContentLength = true;
    } else if (name === CONTENT_TYPE) {
      if (this.#hasContentType) throw invalidHeader("CONTENT-TYPE");
      this.#hasContentType = true;
    }
  }

  #cutValues(bytes: Buffer): void {
    const spans = this.#spans;
    if (spans.length === 0) return;
    const textStart = spans[0] as number;
    const text = bytes.toString("latin1", textStart, spans[spans.length - 1]);
    let nr = this.#fields.length - spans.length / 2;
    for (let at = 0; at < spans.length; at += 2) {
      const field = this.#fields[nr++] as MutableField;
      field.value = text.slice((spans[at] as number) - textStart, (spans[at + 1] as number) - textStart);
    }
    spans.length = 0;
  }
}
