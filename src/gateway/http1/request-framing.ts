/**
 * Three decisions about a complete head: how the body is delimited, whether the client waits for a
 * 100 Continue, and whether it wants to keep the connection.
 *
 * Rules (RFC 9112 section 6): whoever stands in front of us must not be able to see another end of the request
 * than we do, so everything that could be read in two ways is refused, not repaired.
 *
 *  1. A transfer coding we do not know: 501.
 *  2. chunked twice, or anything after it; Transfer-Encoding without chunked: 400.
 *  3. Transfer-Encoding in HTTP/1.0: 400, the sender cannot know it.
 *  4. Transfer-Encoding and Content-Length: 400.
 *  5. Content-Length is one run of digits, below 2^53: no sign, no list, no repetition.
 *  6. Neither: no body.
 *
 * identity, gzip, deflate and compress before chunked are accepted and not decoded, as in Gunicorn; after
 * them the connection is not used again.
 *
 * Runs in: gateway.
 */
import { CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING } from "./field-name.ts";
import { trimBlanks } from "./grammar.ts";
import { expectationFailed, invalidHeader, unsupportedTransferCoding } from "./protocol-error.ts";
import type { RequestHead } from "./request-head.ts";

export type RequestFraming =
  | { readonly kind: "none"; readonly mustClose: false }
  | { readonly kind: "length"; readonly length: number; readonly mustClose: false }
  | { readonly kind: "chunked"; readonly mustClose: boolean };

const NO_BODY: RequestFraming = Object.freeze({ kind: "none", mustClose: false });
const CHUNKED: RequestFraming = Object.freeze({ kind: "chunked", mustClose: false });
const CHUNKED_THEN_CLOSE: RequestFraming = Object.freeze({ kind: "chunked", mustClose: true });

/** Content-Length: 0 is "none". Throws ProtocolError. */
export function requestFraming(head: RequestHead): RequestFraming {
  let contentLength: string | undefined;
  let codings: TransferCodings | undefined;
  for (const { name, value } of head.fields) {
    if (name === CONTENT_LENGTH) {
      if (contentLength !== undefined) throw invalidHeader("CONTENT-LENGTH");
      contentLength = value;
    } else if (name === TRANSFER_ENCODING) {
      codings ??= { chunked: false, encoded: false };
      addTransferCodings(codings, value);
    }
  }
  if (codings !== undefined) return chunkedFraming(codings, head.minorVersion, contentLength);
  if (contentLength === undefined) return NO_BODY;
  const length = parseContentLength(contentLength);
  return length === 0 ? NO_BODY : { kind: "length", length, mustClose: false };
}

interface TransferCodings {
  chunked: boolean;
  /** Whether the chunks contain something that would have to be decoded. */
  encoded: boolean;
}

/** Adds the members of one Transfer-Encoding field: several fields are one list (RFC 9110 section 5.3). */
function addTransferCodings(codings: TransferCodings, value: string): void {
  for (const member of listMembers(value)) {
    switch (member) {
      case "chunked":
      case "identity":
      case "gzip":
      case "deflate":
      case "compress":
        if (codings.chunked) throw invalidHeader("TRANSFER-ENCODING");
        break;
      default:
        throw unsupportedTransferCoding(value);
    }
    if (member === "chunked") codings.chunked = true;
    else if (member !== "identity") codings.encoded = true;
  }
}

function chunkedFraming(
  codings: TransferCodings,
  minorVersion: number,
  contentLength: string | undefined,
): RequestFraming {
  if (!codings.chunked || minorVersion === 0) throw invalidHeader("TRANSFER-ENCODING");
  if (contentLength !== undefined) throw invalidHeader("CONTENT-LENGTH");
  return codings.encoded ? CHUNKED_THEN_CLOSE : CHUNKED;
}

function parseContentLength(value: string): number {
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) throw invalidHeader("CONTENT-LENGTH");
    length = length * 10 + digit;
  }
  if (value === "" || length > Number.MAX_SAFE_INTEGER) throw invalidHeader("CONTENT-LENGTH");
  return length;
}

/**
 * Whether the client waits for a 100 Continue before it sends the body. HTTP/1.0 clients do not, whatever
 * they say (RFC 9110 section 10.1.1). Throws ProtocolError (417) for any other expectation.
 */
export function expectsContinue(head: RequestHead): boolean {
  let expects = false;
  for (const { name, value } of head.fields) {
    if (name !== EXPECT) continue;
    if (value.toLowerCase() !== "100-continue") throw expectationFailed(value);
    expects = head.minorVersion === 1;
  }
  return expects;
}

/**
 * Whether the client wants to send another request on the connection (RFC 9112 section 9.3): "close" wins over
 * "keep-alive", wherever in the Connection fields they stand; without either, HTTP/1.1 keeps it.
 * What follows a CONNECT is not HTTP, whatever was answered.
 */
export function wantsKeepAlive(head: RequestHead): boolean {
  if (head.method === "CONNECT") return false;
  let keeps = head.minorVersion === 1;
  for (const { name, value } of head.fields) {
    if (name !== CONNECTION) continue;
    for (const option of listMembers(value)) {
      if (option === "close") return false;
      if (option === "keep-alive") keeps = true;
    }
  }
  return keeps;
}

/** The members of a comma-separated list in lower case, empty ones included, without the blanks around them. */
function listMembers(value: string): string[] {
  const lower = value.toLowerCase();
  return lower.includes(",") ? lower.split(",").map(trimBlanks) : [lower];
}
