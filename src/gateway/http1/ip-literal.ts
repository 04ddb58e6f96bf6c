/**
 * What may stand between the brackets of an authority: an IPv6 address, with or without a zone, or the form
 * kept for later versions (RFC 3986 section 3.2.2, RFC 6874).
 *
 * Rules: as strict as the library that Gunicorn asks, so that nothing it refuses passes here. The address itself is
 * not used. (node:net could tell, but the core imports nothing that does I/O.)
 *
 * Runs in: gateway.
 */
import { COLON, consistsOf, DIGIT, HEX_DIGIT, REG_NAME, UNRESERVED } from "./grammar.ts";

const GROUPS = 8;

const FUTURE_ADDRESS = REG_NAME.with(COLON, 1);

export function isIpLiteral(text: string): boolean {
  return text.startsWith("v") ? isFutureAddress(text) : isIpv6(withoutZone(text));
}

function isFutureAddress(text: string): boolean {
  const dot = text.indexOf(".");
  if (dot < 0) return false;
  return consistsOf(text.slice(1, dot), HEX_DIGIT) && consistsOf(text.slice(dot + 1), FUTURE_ADDRESS);
}

/** The address before `%zone` or `%25zone`; empty, which is no address, when the zone is malformed. */
function withoutZone(text: string): string {
  const [address = "", zone, ...more] = text.split("%");
  if (zone === undefined) return address;
  return consistsOf(zone, UNRESERVED) && more.length === 0 ? address : "";
}

function isIpv6(text: string): boolean {
  const sides = text.split("::");
  if (sides.length > 2) return false;
  const groups = sides.map((side, nr) => countGroups(side, nr === sides.length - 1));
  if (groups.includes(-1)) return false;
  const total = groups.reduce((sum, count) => sum + count, 0);
  return sides.length === 2 ? total < GROUPS : total === GROUPS;
}

/** How many groups of 16 bits, or -1 when one of them is none; only the address's end may be dotted. */
function countGroups(side: string, isLast: boolean): number {
  if (side === "") return 0;
  const parts = side.split(":");
  const dotted = isLast && parts.at(-1)?.includes(".") ? parts.pop() : undefined;
  if (dotted !== undefined && !isIpv4(dotted)) return -1;
  if (!parts.every((part) => part.length <= 4 && consistsOf(part, HEX_DIGIT))) return -1;
  return parts.length + (dotted === undefined ? 0 : 2);
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every(isOctet);
}

function isOctet(part: string): boolean {
  const isMinimal = part === "0" || !part.startsWith("0");
  return isMinimal && part.length <= 3 && consistsOf(part, DIGIT) && Number(part) <= 255;
}
