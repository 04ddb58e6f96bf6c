/**
 * One complete request line (RFC 9112 section 3): method SP target SP version.
 *
 * Rules: judged from left to right, method, target, version, as in Gunicorn, whose errors quote the whole line
 * or the part at fault. Exactly one SP between the parts. Methods are case-sensitive; those that no one uses
 * (`[a-z#]`, shorter than 3 or longer than 20) are refused unless permitted. HTTP/1.2 and above are read and
 * answered as 1.1.
 *
 * Runs in: gateway.
 */
import { CR, consistsOf, TARGET, TCHAR } from "./grammar.ts";
import {
  BARE_LF,
  invalidMethod,
  invalidRequestLine,
  malformedVersion,
  requestLineTooLarge,
  unsupportedVersion,
} from "./protocol-error.ts";
import { splitTarget } from "./request-target.ts";

export interface RequestLineRules {
  /**
   * Bytes of the request line without its CRLF, up to 8190 (what Gunicorn takes a larger or negative setting
   * as); 0 means no limit, and is taken as `MAX_REQUEST_LINE`.
   */
  readonly limit_request_line: number;
  readonly permit_unconventional_http_method: boolean;
  readonly permit_unconventional_http_version: boolean;
  readonly casefold_http_method: boolean;
}

export interface RequestLine {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** Host and port of a target in absolute-form; empty with the others. */
  readonly authority: string;
  readonly path: string;
  readonly query: string;
  /** As sent: "HTTP/1.1". */
  readonly version: string;
  /** The version it is read and answered as: 1 also for HTTP/1.2 and above, 0 also for HTTP/0.9. */
  readonly minorVersion: 0 | 1;
}

/** What Gunicorn's C parser takes for "no limit"; without any, one client could fill the gateway's memory. */
export const MAX_REQUEST_LINE = 1024 * 1024;

const VERSION_1_0 = "HTTP/1.0";
const VERSION_1_1 = "HTTP/1.1";
const ZERO = 0x30;

export function requestLineLimit(rules: RequestLineRules): number {
  return rules.limit_request_line > 0 ? rules.limit_request_line : MAX_REQUEST_LINE;
}

/** Where the line's content ends, its LF being at `lineFeed`. Throws when it is too long, or has no CR. */
export function requestLineEnd(bytes: Buffer, start: number, lineFeed: number, limit: number): number {
  const isBare = lineFeed === start || bytes[lineFeed - 1] !== CR;
  const end = isBare ? lineFeed : lineFeed - 1;
  if (end - start > limit) throw requestLineTooLarge(end - start, limit);
  if (isBare) throw invalidRequestLine(BARE_LF);
  return end;
}

/** Reads the line `bytes[start, end)`, its CRLF not included. */
export function readRequestLine(
  bytes: Buffer,
  start: number,
  end: number,
  rules: RequestLineRules,
): RequestLine {
  const line = bytes.toString("latin1", start, end);
  const methodEnd = line.indexOf(" ");
  const targetEnd = line.indexOf(" ", methodEnd + 1);
  if (methodEnd < 0 || targetEnd < 0) throw invalidRequestLine(line);

  const method = readMethod(line.slice(0, methodEnd), rules);
  const target = line.slice(methodEnd + 1, targetEnd);
  if (!consistsOf(target, TARGET)) throw invalidRequestLine(line);
  const parts = splitTarget(target, method);
  if (parts === undefined) throw invalidRequestLine(line);
  const version = readVersion(line.slice(targetEnd + 1), rules);
  const minorVersion = version >= VERSION_1_1 ? 1 : 0;
  const { authority, path, query } = parts;
  return { method, target, authority, path, query, version, minorVersion };
}

function readMethod(method: string, rules: RequestLineRules): string {
  switch (method) {
    case "GET":
    case "POST":
    case "HEAD":
      return method;
  }
  if (!rules.permit_unconventional_http_method && !isConventional(method)) throw invalidMethod(method);
  if (!consistsOf(method, TCHAR)) throw invalidMethod(method);
  return rules.casefold_http_method ? method.toUpperCase() : method;
}

function isConventional(method: string): boolean {
  if (method.length < 3 || method.length > 20) return false;
  for (let at = 0; at < method.length; at++) {
    const code = method.charCodeAt(at);
    if (code === 0x23 || (code >= 0x61 && code <= 0x7a)) return false;
  }
  return true;
}

function readVersion(version: string, rules: RequestLineRules): string {
  if (version === VERSION_1_1) return VERSION_1_1;
  if (version === VERSION_1_0) return VERSION_1_0;
  const major = digitAt(version, 5);
  const minor = digitAt(version, 7);
  const isFormed = version.length === 8 && version.startsWith("HTTP/") && version[6] === ".";
  if (!isFormed || major < 0 || minor < 0) throw malformedVersion(version);
  if (major !== 1 && !rules.permit_unconventional_http_version) throw unsupportedVersion(major, minor);
  return version;
}

function digitAt(text: string, at: number): number {
  const value = text.charCodeAt(at) - ZERO;
  return value >= 0 && value <= 9 ? value : -1;
}
