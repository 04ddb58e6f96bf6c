/**
 * Reads a chunked body (RFC 9112 section 7.1): size line, data, CRLF, and so on to the chunk of size 0 and the
 * trailer section.
 *
 * Rules: the size is hex digits and nothing else, below 2^53; blanks only before the `;` of an extension;
 * extensions are checked and dropped; data ends with exactly CRLF; trailers are read like a header section and
 * must not contain what the head alone may say. Size line, trailers and extensions are bounded. Data is handed
 * on where it lies: nothing is copied, and nothing but an incomplete line is kept. Which bytes are data does
 * not depend on how they were cut into reads; after an error the reader is of no further use.
 *
 * Runs in: gateway.
 */
import { checkChunkExtensions } from "./chunk-extension.ts";
import { AUTHORIZATION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING } from "./field-name.ts";
import { type Field, type FieldRules, FieldSection } from "./field-section.ts";
import { CR, HEX_VALUE, indexOfLineFeed, LF, NOT_HEX, trimBlanksAfter } from "./grammar.ts";
import { type LineConsumer, LineReader } from "./line-reader.ts";
import {
  chunkSizeLineTooLarge,
  invalidChunkExtension,
  invalidChunkSize,
  missingChunkTerminator,
} from "./protocol-error.ts";
import { SectionReader } from "./section-reader.ts";

/** Of these, `limit_request_field_size` bounds the size line too, and `limit_request_head` the trailer section. */
export interface ChunkRules extends FieldRules {
  readonly limit_request_head: number;
}

/** Gets the data in order, as `bytes[start, end)`, never empty; `bytes` is the reader's caller's. */
export type DataSink = (bytes: Buffer, start: number, end: number) => void;

/** Bytes of extensions that one body may carry: no client needs any, and each of them costs time. */
export const MAX_EXTENSION_BYTES = 16 * 1024;

/** RFC 9110 section 6.5.1: fields that decide about framing, routing or access. */
const FORBIDDEN_TRAILERS = new Set([HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER, AUTHORIZATION, TE]);

type State = "size" | "data" | "data-cr" | "data-lf" | "trailers" | "done";

export class ChunkedReader {
  readonly #sink: DataSink;
  readonly #sizeLine: SizeLine;
  readonly #sizeReader: LineReader;
  readonly #rules: ChunkRules;
  /** Null until the last chunk. */
  #trailers: { readonly section: FieldSection; readonly reader: SectionReader } | null = null;
  #state: State = "size";
  /** Bytes of the current chunk that have not arrived. */
  #remaining = 0;
  /** What stands where the CR after a chunk should. */
  #firstTerminator = 0;

  constructor(rules: ChunkRules, sink: DataSink) {
    this.#sink = sink;
    this.#rules = rules;
    this.#sizeLine = new SizeLine(rules.limit_request_field_size);
    this.#sizeReader = new LineReader(this.#sizeLine);
  }

  /** Whether the whole body has been read. */
  get complete(): boolean {
    return this.#state === "done";
  }

  /** Complete once the body is. */
  get trailers(): readonly Field[] {
    return this.#trailers?.section.fields ?? [];
  }

  /** Bytes of memory that an unfinished line or trailer section takes. */
  get heldBytes(): number {
    return this.#sizeReader.heldBytes + (this.#trailers?.reader.heldBytes ?? 0);
  }

  /**
   * Reads `bytes[offset, end)`. Returns the offset just past the body when it is complete, -1 when every byte
   * was consumed and more are needed. Throws ProtocolError; data before the fault has been handed on by then.
   */
  read(bytes: Buffer, offset: number, end: number = bytes.length): number {
    let next = offset;
    while (next >= 0 && next < end && this.#state !== "done") next = this.#step(bytes, next, end);
    return this.#state === "done" ? next : -1;
  }

  /** Reads one part of a chunk; returns where the next starts, or -1. */
  #step(bytes: Buffer, offset: number, end: number): number {
    switch (this.#state) {
      case "size":
        return this.#readSize(bytes, offset, end);
      case "data":
        return this.#readData(bytes, offset, end);
      case "data-cr":
        this.#firstTerminator = bytes[offset] as number;
        this.#state = "data-lf";
        return offset + 1;
      case "data-lf":
        this.#checkTerminator(bytes[offset] as number);
        this.#state = "size";
        return offset + 1;
      case "trailers":
        return this.#readTrailers(bytes, offset, end);
      case "done":
        return offset;
      default:
        return this.#state satisfies never;
    }
  }

  #readSize(bytes: Buffer, offset: number, end: number): number {
    const next = this.#sizeReader.read(bytes, offset, end);
    if (next < 0) return next;
    this.#remaining = this.#sizeLine.takeSize();
    this.#state = this.#remaining > 0 ? "data" : "trailers";
    return next;
  }

  #readData(bytes: Buffer, offset: number, end: number): number {
    const dataEnd = Math.min(end, offset + this.#remaining);
    this.#remaining -= dataEnd - offset;
    if (this.#remaining === 0) this.#state = "data-cr";
    this.#sink(bytes, offset, dataEnd);
    return dataEnd;
  }

  /** Judged when both bytes are there: the error quotes them. */
  #checkTerminator(second: number): void {
    const first = this.#firstTerminator;
    if (first !== CR || second !== LF) throw missingChunkTerminator(String.fromCharCode(first, second));
  }

  #readTrailers(bytes: Buffer, offset: number, end: number): number {
    this.#trailers ??= this.#newTrailers();
    const next = this.#trailers.reader.read(bytes, offset, end);
    if (next >= 0) this.#state = "done";
    return next;
  }

  #newTrailers(): { readonly section: FieldSection; readonly reader: SectionReader } {
    const section = new FieldSection(this.#rules, FORBIDDEN_TRAILERS);
    return { section, reader: new SectionReader(section, this.#rules.limit_request_head) };
  }
}

/** One chunk size line after the other: `complete` after each, until its size is taken. */
class SizeLine implements LineConsumer {
  readonly #limit: number;
  #size = 0;
  #complete = false;
  #extensionBytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get complete(): boolean {
    return this.#complete;
  }

  takeSize(): number {
    this.#complete = false;
    return this.#size;
  }

  checkIncompleteLine(_first: number, _length: number, contentLength: number): void {
    if (contentLength > this.#limit) throw chunkSizeLineTooLarge(this.#limit);
  }

  /** Hex digits and CRLF are read at once; every other line goes to `#takeUnusualLine`. */
  takeLines(bytes: Buffer, offset: number, end: number): number {
    let at = offset;
    let size = 0;
    for (; at < end; at++) {
      const digit = HEX_VALUE[bytes[at] as number] as number;
      if (digit === NOT_HEX) break;
      size = size * 16 + digit;
    }
    const isPlain = at > offset && at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF;
    if (!isPlain || at - offset > this.#limit || size > Number.MAX_SAFE_INTEGER) {
      return this.#takeUnusualLine(bytes, offset, end);
    }
    this.#size = size;
    this.#complete = true;
    return at + 2;
  }

  #takeUnusualLine(bytes: Buffer, offset: number, end: number): number {
    const lineFeed = indexOfLineFeed(bytes, offset, end);
    if (lineFeed < 0) return offset;
    const isBare = lineFeed === offset || bytes[lineFeed - 1] !== CR;
    const contentEnd = isBare ? lineFeed : lineFeed - 1;
    if (contentEnd - offset > this.#limit) throw chunkSizeLineTooLarge(this.#limit);
    // Without its CR an LF ends nothing: it is one more byte that does not belong there.
    this.#size = this.#parse(bytes.toString("latin1", offset, isBare ? lineFeed + 1 : contentEnd));
    this.#complete = true;
    return lineFeed + 1;
  }

  /** The size first, then the extensions: a bad size is reported as such. */
  #parse(line: string): number {
    const semicolon = line.indexOf(";");
    if (semicolon < 0) return parseChunkSize(line);
    const size = parseChunkSize(trimBlanksAfter(line.slice(0, semicolon)));
    const extensions = line.slice(semicolon);
    checkChunkExtensions(extensions);
    this.#extensionBytes += extensions.length;
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) {
      throw invalidChunkExtension(`over ${MAX_EXTENSION_BYTES} bytes in one body`);
    }
    return size;
  }
}

function parseChunkSize(text: string): number {
  let size = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = HEX_VALUE[text.charCodeAt(at)] as number;
    if (digit === NOT_HEX) throw invalidChunkSize(text);
    size = size * 16 + digit;
  }
  if (text === "" || size > Number.MAX_SAFE_INTEGER) throw invalidChunkSize(text);
  return size;
}
