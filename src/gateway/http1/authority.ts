/**
 * The authority of a request, in the field Host and in the target: `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986
 * section 3.2).
 *
 * Rules: the host is not empty, and a name, an IPv4 address or an IP literal in brackets; a port is digits, at most 65535,
 * and may be missing after its colon; no user. Names in which DNS has no part, as `my_app`, are names. What is no authority
 * is refused, because another reader may take it for another host.
 *
 * Runs in: gateway.
 */
import { COLON, DIGIT, HEX_DIGIT, OPEN_BRACKET, PERCENT, REG_NAME } from "./grammar.ts";
import { isIpLiteral } from "./ip-literal.ts";

const MAX_PORT = 0xffff;
const ZERO = 0x30;

/** `text` is latin-1. */
export function isAuthority(text: string): boolean {
  const hostEnd = skipHost(text);
  return hostEnd > 0 && (hostEnd === text.length || portAfter(text, hostEnd) >= 0);
}

/** As the target of a CONNECT has it (RFC 9110 section 9.3.6): with a port that one can connect to. */
export function isAuthorityWithPort(text: string): boolean {
  const hostEnd = skipHost(text);
  return hostEnd > 0 && portAfter(text, hostEnd) > 0;
}

/** Where the host ends; 0 when there is none, or a malformed one. */
function skipHost(text: string): number {
  if (text.charCodeAt(0) === OPEN_BRACKET) {
    const close = text.indexOf("]");
    return close > 0 && isIpLiteral(text.slice(1, close)) ? close + 1 : 0;
  }
  let at = 0;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (REG_NAME[code] === 1) continue;
    if (code !== PERCENT) break;
    if (HEX_DIGIT[text.charCodeAt(at + 1)] !== 1 || HEX_DIGIT[text.charCodeAt(at + 2)] !== 1) return 0;
    at += 2;
  }
  return at;
}

/** The port after the colon at `colon`, 0 when it is empty, or -1 when something else stands there. */
function portAfter(text: string, colon: number): number {
  if (text.charCodeAt(colon) !== COLON) return -1;
  let port = 0;
  for (let at = colon + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (DIGIT[code] !== 1) return -1;
    port = port * 10 + code - ZERO;
    if (port > MAX_PORT) return -1;
  }
  return port;
}
