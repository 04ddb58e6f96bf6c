/**
 * Field names, looked up once and then compared by identity: the reader asks with the bytes as the client
 * spelled them, and gets the lower-case name and the environ key without computing either.
 *
 * Rules: two spellings of one well-known name always give the same object, also when the table is full. The
 * table is bounded, and so is each look-up, because clients choose the names; what no longer fits gets a fresh
 * object with id -1. Entries are never evicted, so an id stays valid for the life of the process.
 *
 * Runs in: gateway.
 */

export interface FieldName {
  readonly lower: string;
  /** HTTP_X_Y, or CONTENT_TYPE / CONTENT_LENGTH. */
  readonly environKey: string;
  /** Dense, from 0; -1 when not interned. */
  readonly id: number;
  /** X_Y and X-Y share an environ key: what happens to X_Y is the setting header_map's business. */
  readonly hasUnderscore: boolean;
}

interface Spelling {
  readonly bytes: Uint8Array;
  readonly name: FieldName;
}

/** Spellings kept, hence also a bound on the ids. */
export const MAX_SPELLINGS = 1024;

/** Longer names are not worth a place in the table. */
const MAX_INTERNED_BYTES = 64;

/** A power of two, four times the spellings, so that a look-up rarely probes twice. */
const SLOTS = 4096;

/** Bounds the look-up when a client picks names that collide. */
const MAX_PROBES = 8;

const spellings: (Spelling | undefined)[] = new Array(SLOTS).fill(undefined);
const namesByLower = new Map<string, FieldName>();
let spellingCount = 0;

/** Start value of the hash; a reader feeds it each byte of a name with `hashNameByte`. */
export const NAME_HASH_SEED = 0;

export function hashNameByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function environKeyOf(upper: string): string {
  if (upper === "CONTENT-TYPE") return "CONTENT_TYPE";
  if (upper === "CONTENT-LENGTH") return "CONTENT_LENGTH";
  return `HTTP_${upper.replaceAll("-", "_")}`;
}

function createName(lower: string, id: number): FieldName {
  return { lower, environKey: environKeyOf(lower.toUpperCase()), id, hasUnderscore: lower.includes("_") };
}

function isSpelledLike(spelling: Spelling, bytes: Uint8Array, start: number, end: number): boolean {
  const own = spelling.bytes;
  if (own.length !== end - start) return false;
  for (let at = 0; at < own.length; at++) {
    if (own[at] !== bytes[start + at]) return false;
  }
  return true;
}

/** The name in `bytes[start, end)`, which must be a token; `hash` is that of exactly these bytes. */
export function internFieldNameBytes(bytes: Buffer, start: number, end: number, hash: number): FieldName {
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const slot = (hash + probe) & (SLOTS - 1);
    const spelling = spellings[slot];
    if (spelling === undefined) return learn(slot, bytes, start, end);
    if (isSpelledLike(spelling, bytes, start, end)) return spelling.name;
  }
  return nameOf(bytes.toString("latin1", start, end), false);
}

/** The name as sent, a non-empty token, as ASCII text. */
export function internFieldName(rawAsciiName: string): FieldName {
  const bytes = Buffer.from(rawAsciiName, "latin1");
  return internFieldNameBytes(bytes, 0, bytes.length, bytes.reduce(hashNameByte, NAME_HASH_SEED));
}

function learn(slot: number, bytes: Buffer, start: number, end: number): FieldName {
  const isRoom = spellingCount < MAX_SPELLINGS && end - start <= MAX_INTERNED_BYTES;
  const name = nameOf(bytes.toString("latin1", start, end), isRoom);
  if (isRoom) {
    spellings[slot] = { bytes: Uint8Array.from(bytes.subarray(start, end)), name };
    spellingCount++;
  }
  return name;
}

function nameOf(spelled: string, intern: boolean): FieldName {
  const lower = spelled.toLowerCase();
  const known = namesByLower.get(lower);
  if (known !== undefined) return known;
  if (!intern) return createName(lower, -1);
  const name = createName(lower, namesByLower.size);
  namesByLower.set(lower, name);
  return name;
}

/** Interns the usual spelling and the lower-case one, which HTTP/2 front ends send. */
function wellKnown(spelled: string): FieldName {
  internFieldName(spelled.toLowerCase());
  return internFieldName(spelled);
}

export const HOST = wellKnown("Host");
export const CONTENT_TYPE = wellKnown("Content-Type");
export const CONTENT_LENGTH = wellKnown("Content-Length");
export const TRANSFER_ENCODING = wellKnown("Transfer-Encoding");
export const CONNECTION = wellKnown("Connection");
export const EXPECT = wellKnown("Expect");
export const UPGRADE = wellKnown("Upgrade");
export const TRAILER = wellKnown("Trailer");
export const TE = wellKnown("TE");
export const COOKIE = wellKnown("Cookie");
export const AUTHORIZATION = wellKnown("Authorization");
export const PROXY = wellKnown("Proxy");
export const SCRIPT_NAME = wellKnown("SCRIPT_NAME");
export const PATH_INFO = wellKnown("PATH_INFO");
export const REMOTE_USER = wellKnown("REMOTE_USER");
export const REFERER = wellKnown("Referer");
export const USER_AGENT = wellKnown("User-Agent");
export const X_FORWARDED_FOR = wellKnown("X-Forwarded-For");
export const X_FORWARDED_PROTO = wellKnown("X-Forwarded-Proto");
export const X_FORWARDED_PROTOCOL = wellKnown("X-Forwarded-Protocol");
export const X_FORWARDED_SSL = wellKnown("X-Forwarded-Ssl");

/** Learned beforehand, so that no client can fill the table before them. */
const OTHER_USUAL_NAMES = [
  "Accept",
  "Accept-Charset",
  "Accept-Encoding",
  "Accept-Language",
  "Access-Control-Request-Headers",
  "Access-Control-Request-Method",
  "Baggage",
  "Cache-Control",
  "CF-Connecting-IP",
  "CF-IPCountry",
  "CF-Ray",
  "CF-Visitor",
  "Content-Disposition",
  "Content-Encoding",
  "Content-Language",
  "Content-Location",
  "Content-MD5",
  "Content-Range",
  "Date",
  "DNT",
  "Forwarded",
  "From",
  "HX-Boosted",
  "HX-Current-URL",
  "HX-Request",
  "HX-Target",
  "HX-Trigger",
  "Idempotency-Key",
  "If-Match",
  "If-Modified-Since",
  "If-None-Match",
  "If-Range",
  "If-Unmodified-Since",
  "Keep-Alive",
  "Last-Event-ID",
  "Max-Forwards",
  "Origin",
  "Pragma",
  "Prefer",
  "Priority",
  "Proxy-Authorization",
  "Proxy-Connection",
  "Range",
  "Sec-CH-UA",
  "Sec-CH-UA-Mobile",
  "Sec-CH-UA-Platform",
  "Sec-Fetch-Dest",
  "Sec-Fetch-Mode",
  "Sec-Fetch-Site",
  "Sec-Fetch-User",
  "Sec-GPC",
  "Sec-WebSocket-Extensions",
  "Sec-WebSocket-Key",
  "Sec-WebSocket-Protocol",
  "Sec-WebSocket-Version",
  "sentry-trace",
  "Signature",
  "traceparent",
  "tracestate",
  "True-Client-IP",
  "Upgrade-Insecure-Requests",
  "Via",
  "X-Amz-Cf-Id",
  "X-Amzn-Trace-Id",
  "X-Api-Key",
  "X-Client-IP",
  "X-Correlation-ID",
  "X-CSRFToken",
  "X-Csrf-Token",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
  "X-Forwarded-Server",
  "X-Http-Method-Override",
  "X-Original-URL",
  "X-Real-IP",
  "X-Request-ID",
  "X-Request-Start",
  "X-Requested-With",
  "X-XSRF-Token",
];
for (const spelled of OTHER_USUAL_NAMES) wellKnown(spelled);
