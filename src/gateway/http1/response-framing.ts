/**
 * How a response's body is delimited (RFC 9112 section 6.3), decided once the application's head is known and,
 * when the application was quick, the whole body too.
 *
 * The reasons, first match wins:
 *
 *  1. HEAD: no body. A Content-Length of the application's stays (it is the GET's); none is added, because the
 *     application may have spared itself the body.
 *  2. 1xx, 204, 304: no body. (The worker drops a Content-Length from 1xx and 204; 304 may carry one.)
 *  3. The application gave Content-Length. If the whole body is known and shorter, the connection closes, so
 *     that the client can tell.
 *  4. The whole body is known: its length is added.
 *  5. HTTP/1.1: chunked.
 *  6. HTTP/1.0 has no chunks: the end of the connection is the end of the body.
 *
 * Runs in: gateway.
 */

export interface ResponseFacts {
  readonly method: string;
  /** The request's: 0 or 1. */
  readonly minorVersion: number;
  readonly status: number;
  /** What the application said, or -1. */
  readonly contentLength: number;
  /** Bytes of the complete body when they are known already, or -1. */
  readonly wholeLength: number;
  /** Whether client and server would keep the connection. */
  readonly keepAlive: boolean;
}

export type BodyDelimiter = "none" | "length" | "chunked" | "close";

export interface ResponseFraming {
  readonly body: BodyDelimiter;
  /** The Content-Length to add to the application's fields, or -1. */
  readonly contentLengthToAdd: number;
  /** Whether the connection closes after the response. */
  readonly close: boolean;
}

export function responseFraming(facts: ResponseFacts): ResponseFraming {
  const { contentLength, wholeLength } = facts;
  const close = !facts.keepAlive;
  if (omitsBody(facts.method, facts.status)) return { body: "none", contentLengthToAdd: -1, close };
  if (contentLength >= 0) {
    const isShort = wholeLength >= 0 && wholeLength < contentLength;
    return { body: "length", contentLengthToAdd: -1, close: close || isShort };
  }
  if (wholeLength >= 0) return { body: "length", contentLengthToAdd: wholeLength, close };
  if (facts.minorVersion >= 1) return { body: "chunked", contentLengthToAdd: -1, close };
  return { body: "close", contentLengthToAdd: -1, close: true };
}

/** Whether the response ends with its head, whatever the application sends (RFC 9110 sections 9.3.2, 15). */
export function omitsBody(method: string, status: number): boolean {
  return method === "HEAD" || status < 200 || status === 204 || status === 304;
}
