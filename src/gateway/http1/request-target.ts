/**
 * The request target: which of the four forms of RFC 9112 section 3.2 it has, and its path and query.
 *
 * Rules: `*` only with OPTIONS; authority-form only with CONNECT; absolute-form is a scheme and `://`. Path and
 * query are cut as Gunicorn cuts them: the fragment first, then the query; the authority of an absolute-form
 * is dropped (also when the path is then empty), and nothing is decoded. A CONNECT target is cut like a URI
 * too, so `host:443` has the path `443`.
 *
 * Runs in: gateway.
 */
import { ALPHA, COLON, SCHEME, SLASH } from "./grammar.ts";
import { isIpLiteral } from "./ip-literal.ts";

export interface TargetParts {
  readonly path: string;
  readonly query: string;
}

/** Path and query of a non-empty target of printable ASCII, or undefined when its form does not suit the method. */
export function splitTarget(target: string, method: string): TargetParts | undefined {
  if (target.charCodeAt(0) === SLASH) return cutQuery(target, 0);
  if (target === "*") return method === "OPTIONS" ? { path: "*", query: "" } : undefined;
  const afterScheme = skipScheme(target);
  const hasAuthority = target.startsWith("//", afterScheme);
  if (method !== "CONNECT" && !hasAuthority) return undefined;
  if (!hasAuthority) return cutQuery(target, afterScheme);
  const authorityEnd = skipAuthority(target, afterScheme + 2);
  if (!isPlausibleAuthority(target.slice(afterScheme + 2, authorityEnd))) return undefined;
  return cutQuery(target, authorityEnd);
}

function cutQuery(target: string, start: number): TargetParts {
  const hash = target.indexOf("#", start);
  const end = hash < 0 ? target.length : hash;
  const mark = target.indexOf("?", start);
  if (mark < 0 || mark >= end) return { path: target.slice(start, end), query: "" };
  return { path: target.slice(start, mark), query: target.slice(mark + 1, end) };
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
  while (at < target.length && !"/?#".includes(target.charAt(at))) at++;
  return at;
}

/** Brackets must come in pairs and enclose an IP literal; the rest of it is not used. */
function isPlausibleAuthority(authority: string): boolean {
  const open = authority.indexOf("[");
  const close = authority.indexOf("]");
  if (open < 0 && close < 0) return true;
  return open >= 0 && close > open && isIpLiteral(authority.slice(open + 1, close));
}
