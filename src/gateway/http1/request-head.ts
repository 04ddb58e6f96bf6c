/**
 * Reads the head of a request: the request line and the header section (RFC 9112 sections 2 to 5).
 *
 * Rules: strict (CRLF only, one empty line tolerated before the request line, Host required in HTTP/1.1, and
 * valid wherever it stands). The authority of a target in absolute-form takes the place of Host (RFC 9112 section
 * 3.2.2): nobody after this reader sees another. The result depends on the bytes alone, not on how they were cut into reads. One exception: a 414 names the
 * line's length when the line is complete, otherwise the bytes seen so far. After an error the reader is of
 * no further use, and neither is the connection.
 *
 * Runs in: gateway.
 */
import { isAuthority } from "./authority.ts";
import { type Field, type FieldRules, FieldSection } from "./field-section.ts";
import { CR, indexOfLineFeed, LF } from "./grammar.ts";
import { invalidHost, missingHost, requestLineTooLarge } from "./protocol-error.ts";
import {
  type RequestLine,
  type RequestLineRules,
  readRequestLine,
  requestLineEnd,
  requestLineLimit,
} from "./request-line.ts";
import { type SectionConsumer, SectionReader } from "./section-reader.ts";

export type { Field } from "./field-section.ts";

/** Settings of these names; the numbers are already clamped the way Gunicorn clamps them. */
export interface HeadRules extends RequestLineRules, FieldRules {
  /** Bytes of a whole head, from the request line to the empty line, and of a whole trailer section. */
  readonly limit_request_head: number;
}

export const DEFAULT_HEAD_RULES: HeadRules = Object.freeze({
  limit_request_line: 4094,
  limit_request_fields: 100,
  limit_request_field_size: 8190,
  limit_request_head: 128 * 1024,
  permit_obsolete_folding: false,
  strip_header_spaces: false,
  permit_unconventional_http_method: false,
  permit_unconventional_http_version: false,
  casefold_http_method: false,
});

export interface RequestHead extends Omit<RequestLine, "authority"> {
  /** In the order in which they were sent, repeated ones included; Host is that of the target where it has one. */
  readonly fields: readonly Field[];
}

export class RequestHeadReader {
  readonly #lines: HeadLines;
  readonly #reader: SectionReader;

  constructor(rules: HeadRules) {
    this.#lines = new HeadLines(rules);
    this.#reader = new SectionReader(this.#lines, rules.limit_request_head);
  }

  /**
   * Reads `bytes[offset, end)`. Returns the offset just past the head when it is complete, -1 when every byte
   * was consumed and more are needed. `bytes` may be reused afterwards. Throws ProtocolError.
   */
  read(bytes: Buffer, offset: number, end: number = bytes.length): number {
    return this.#reader.read(bytes, offset, end);
  }

  /** The head, once `read` has returned its end. */
  get head(): RequestHead {
    const head = this.#lines.maybeHead;
    if (head === undefined) throw new Error("the head is not complete");
    return head;
  }

  /** Whether `read` has returned the head's end, and `reset` has not been called since. */
  get complete(): boolean {
    return this.#lines.maybeHead !== undefined;
  }

  /** Bytes of memory that an unfinished head takes. */
  get heldBytes(): number {
    return this.#reader.heldBytes;
  }

  /** Whether any byte of this request has been seen; an empty line before it is not part of it. */
  get started(): boolean {
    return this.#lines.started;
  }

  /** Makes ready for the next request on the connection. */
  reset(): void {
    this.#reader.reset();
  }
}

class HeadLines implements SectionConsumer {
  readonly #rules: HeadRules;
  readonly #limit: number;
  readonly #section: FieldSection;
  /** Undefined also when it has been forgotten. */
  #requestLine: RequestLine | undefined;
  #hasRequestLine = false;
  #head: RequestHead | undefined;
  #skippedEmptyLine = false;
  #startedRequestLine = false;

  constructor(rules: HeadRules) {
    this.#rules = rules;
    this.#limit = requestLineLimit(rules);
    this.#section = new FieldSection(rules);
  }

  get complete(): boolean {
    return this.#section.complete;
  }

  /** Undefined until it is complete, and when parts of it have been forgotten. */
  get maybeHead(): RequestHead | undefined {
    return this.#head;
  }

  get started(): boolean {
    return this.#hasRequestLine || this.#startedRequestLine;
  }

  forget(shift: number): void {
    this.#requestLine = undefined;
    this.#section.forget(shift);
  }

  reset(): void {
    this.#requestLine = undefined;
    this.#hasRequestLine = false;
    this.#head = undefined;
    this.#skippedEmptyLine = false;
    this.#startedRequestLine = false;
    this.#section.reset();
  }

  takeLines(bytes: Buffer, offset: number, end: number): number {
    let next = offset;
    if (!this.#hasRequestLine) {
      next = this.#takeRequestLine(bytes, offset, end);
      if (!this.#hasRequestLine) return next;
    }
    next = this.#section.takeLines(bytes, next, end);
    if (this.#section.complete && this.#requestLine !== undefined) this.#finish(this.#requestLine);
    return next;
  }

  checkIncompleteLine(first: number, length: number, contentLength: number): void {
    if (this.#hasRequestLine) {
      this.#section.checkIncompleteLine(first, length, contentLength);
      return;
    }
    const mayBeEmpty = first === CR && length === 1;
    this.#startedRequestLine ||= !mayBeEmpty;
    if (contentLength > this.#limit) throw requestLineTooLarge(length, this.#limit);
  }

  /** Returns the offset after the request line, or where the incomplete one starts. */
  #takeRequestLine(bytes: Buffer, offset: number, end: number): number {
    const start = this.#skipEmptyLine(bytes, offset, end);
    const lineFeed = indexOfLineFeed(bytes, start, end);
    if (lineFeed < 0) return start;
    const lineEnd = requestLineEnd(bytes, start, lineFeed, this.#limit);
    this.#requestLine = readRequestLine(bytes, start, lineEnd, this.#rules);
    this.#hasRequestLine = true;
    return lineFeed + 1;
  }

  /** RFC 9112 section 2.2: an old client may end the body before with a CRLF too many. */
  #skipEmptyLine(bytes: Buffer, offset: number, end: number): number {
    const isEmpty = offset + 1 < end && bytes[offset] === CR && bytes[offset + 1] === LF;
    if (!isEmpty || this.#skippedEmptyLine) return offset;
    this.#skippedEmptyLine = true;
    return offset + 2;
  }

  #finish(requestLine: RequestLine): void {
    const { method, target, authority, path, query, version, minorVersion } = requestLine;
    const { host } = this.#section;
    if (host === undefined && minorVersion === 1) throw missingHost();
    if (host !== undefined && !isAuthority(host)) throw invalidHost();
    if (authority !== "") this.#section.replaceHost(authority);
    this.#head = { method, target, path, query, version, minorVersion, fields: this.#section.fields };
  }
}
