/**
 * What a client can do wrong, one constructor per rule, with Gunicorn's status and wording.
 *
 * Rules: a ProtocolError is always the peer's fault; readers throw it and never write. After one, where the
 * next request starts is unknown, so the connection is answered and closed. Two texts, as in Gunicorn:
 * `message` is what the error page shows, `detail` what the log line
 * `Invalid request from ip=…: <detail>` says.
 *
 * Runs in: gateway.
 */
import { reprBytes, reprText } from "./python-repr.ts";

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly status: number;
  readonly detail: string;

  constructor(status: number, detail: string, message: string = detail) {
    super(message);
    this.status = status;
    this.detail = detail;
  }
}

/** A line of the head that ends with LF alone (RFC 9112 section 2.2). */
export const BARE_LF = "bare LF as line terminator";

// Request line (RFC 9112 section 3)

export function invalidRequestLine(line: string): ProtocolError {
  const detail = `Invalid HTTP request line: ${reprText(line)}`;
  return new ProtocolError(400, detail, `Invalid Request Line '${detail}'`);
}

export function invalidMethod(method: string): ProtocolError {
  const detail = `Invalid HTTP method: ${reprText(method)}`;
  return new ProtocolError(400, detail, `Invalid Method '${detail}'`);
}

function invalidVersion(spelled: string): ProtocolError {
  const detail = `Invalid HTTP Version: ${spelled}`;
  return new ProtocolError(400, detail, `Invalid HTTP Version '${detail}'`);
}

/** Not of the form `HTTP/d.d`. */
export function malformedVersion(version: string): ProtocolError {
  return invalidVersion(reprText(version));
}

/** Well formed, but not 1.x. */
export function unsupportedVersion(major: number, minor: number): ProtocolError {
  return invalidVersion(`(${major}, ${minor})`);
}

export function requestLineTooLarge(size: number, limit: number): ProtocolError {
  return new ProtocolError(414, `Request Line is too large (${size} > ${limit})`);
}

// Fields (RFC 9112 section 5)

/** A field whose value, number or place is wrong; `field` is its upper-case name, or the whole line. */
export function invalidHeader(field: string): ProtocolError {
  return new ProtocolError(400, `Invalid HTTP Header: ${reprText(field)}`);
}

export function invalidHeaderName(name: string): ProtocolError {
  return new ProtocolError(400, `Invalid HTTP header name: ${reprText(name)}`);
}

/** RFC 9112 section 3.2. Gunicorn lets it pass; the wording follows its "bare LF as line terminator". */
export function missingHost(): ProtocolError {
  return invalidHeader("missing Host header");
}

/** RFC 9112 section 3.2: a value that is no `uri-host [ ":" port ]`. */
export function invalidHost(): ProtocolError {
  return invalidHeader("invalid Host header");
}

export function obsoleteFolding(field: string): ProtocolError {
  return new ProtocolError(400, `Obsolete line folding is unacceptable: ${reprText(field)}`);
}

function headersTooLarge(detail: string): ProtocolError {
  return new ProtocolError(431, detail, `Error parsing headers: '${detail}'`);
}

export function tooManyFields(): ProtocolError {
  return headersTooLarge("limit request headers fields");
}

export function fieldTooLarge(): ProtocolError {
  return headersTooLarge("limit request headers fields size");
}

/** `limit_request_head`, which Gunicorn does not have; for trailers too. */
export function sectionTooLarge(): ProtocolError {
  return headersTooLarge("limit request head size");
}

export function contradictorySchemeHeaders(): ProtocolError {
  return new ProtocolError(400, "Contradictory scheme headers");
}

export function expectationFailed(value: string): ProtocolError {
  return new ProtocolError(417, `Unable to comply with expectation: ${reprText(value)}`);
}

// Framing and body (RFC 9112 sections 6 and 7)

export function unsupportedTransferCoding(value: string): ProtocolError {
  return new ProtocolError(501, `Unsupported transfer coding: ${reprText(value)}`);
}

/** `size` is what stands where the size should, as latin-1 text. */
export function invalidChunkSize(size: string): ProtocolError {
  return new ProtocolError(400, `Invalid chunk size: ${reprBytes(size)}`);
}

export function chunkSizeLineTooLarge(limit: number): ProtocolError {
  return invalidChunkSize(`line over ${limit} bytes with no terminator`);
}

export function invalidChunkExtension(reason: string): ProtocolError {
  return new ProtocolError(400, `Invalid chunk extension: ${reason}`);
}

/** `found` is the two bytes that stand where CRLF should, as latin-1 text. */
export function missingChunkTerminator(found: string): ProtocolError {
  return new ProtocolError(400, `Invalid chunk terminator is not '\\r\\n': ${reprBytes(found)}`);
}

// Refusals of the layers above the core, kept here because their wording is Gunicorn's too

/** Gunicorn pairs this 500 with "Bad Request"; here the reason phrase is the status's own. */
export function scriptNameIsNoPrefix(path: string, scriptName: string): ProtocolError {
  const problem = `Request path ${reprText(path)} does not start with SCRIPT_NAME ${reprText(scriptName)}`;
  return new ProtocolError(500, `Configuration problem: ${problem}`);
}

export function invalidProxyLine(line: string): ProtocolError {
  const detail = `Invalid PROXY line: ${reprText(line)}`;
  return new ProtocolError(400, detail, `'${detail}'`);
}

/** Version 2. Gunicorn answers it with 500, for want of a handler. */
export function invalidProxyHeader(reason: string): ProtocolError {
  const detail = `Invalid PROXY header: ${reason}`;
  return new ProtocolError(400, detail, `'${detail}'`);
}

export function forbiddenProxyRequest(host: string): ProtocolError {
  return new ProtocolError(403, `Proxy request from ${reprText(host)} not allowed`, "Request forbidden");
}
