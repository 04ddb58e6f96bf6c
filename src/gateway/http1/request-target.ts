/**
 * The request target: which of the four forms of RFC 9112 section 3.2 it has, its authority, its path and its query.
 *
 * Rules: `*` only with OPTIONS; authority-form, with a port, only and always with CONNECT; absolute-form is a URI of the
 * scheme http or https, whose authority is a valid one. No fragment in any form: the grammar has none, and what stands
 * before one would be cut in different ways. Path and query are cut as Gunicorn cuts them (the path of an absolute-form may
 * be empty), and nothing is decoded. A CONNECT target is cut like a URI too, so `host:443` has the path `443`.
 *
 * Runs in: gateway.
 */
import { isAuthority, isAuthorityWithPort } from "./authority.ts";
import { ALPHA, COLON, SCHEME, SLASH } from "./grammar.ts";

export interface TargetParts {
  /** Host and port of an absolute-form; empty in the others. */
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

const SCHEMES = ["http://", "https://"];

/** The parts of a non-empty target of printable ASCII, or undefined when its form does not suit the method. */
export function splitTarget(target: string, method: string): TargetParts | undefined {
  if (target.includes("#")) return undefined;
  if (method === "CONNECT") {
    return isAuthorityWithPort(target) ? cutQuery(target, skipScheme(target), "") : undefined;
  }
  if (target.charCodeAt(0) === SLASH) return cutQuery(target, 0, "");
  if (target === "*") return method === "OPTIONS" ? { authority: "", path: "*", query: "" } : undefined;
  const scheme = SCHEMES.find((each) => target.slice(0, each.length).toLowerCase() === each);
  if (scheme === undefined) return undefined;
  const authorityEnd = skipAuthority(target, scheme.length);
  const authority = target.slice(scheme.length, authorityEnd);
  return isAuthority(authority) ? cutQuery(target, authorityEnd, authority) : undefined;
}

function cutQuery(target: string, start: number, authority: string): TargetParts {
  const mark = target.indexOf("?", start);
  if (mark < 0) return { authority, path: target.slice(start), query: "" };
  return { authority, path: target.slice(start, mark), query: target.slice(mark + 1) };
}

/** Where the text after `scheme:` starts; 0 when there is no scheme (RFC 3986 section 3.1). */
function skipScheme(target: string): number {
  if (ALPHA[target.charCodeAt(0)] !== 1) return 0;
  let at = 1;
  while (at < target.length && SCHEME[target.charCodeAt(at)] === 1) at++;
  return target.charCodeAt(at) === COLON ? at + 1 : 0;
}

function skipAuthority(target: string, start: number): number {
  let at = start;
  while (at < target.length && target.charAt(at) !== "/" && target.charAt(at) !== "?") at++;
  return at;
}
