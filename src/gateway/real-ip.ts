/**
 * Whose request it is that a trusted proxy passes on, by X-Forwarded-For or Forwarded (RFC 7239); `real_ip_header` says
 * by which, and is off unless it is set.
 *
 * Each proxy adds the address that it has the request from at the right end, so the list is read from there: the client is
 * the first address that is not in `forwarded_allow_ips`, since what stands left of it is the client's own claim. Where all
 * are, it is the leftmost. What cannot be read (`unknown`, a name that hides an address, nonsense) ends the walk, at the
 * last address that could: nobody further to the left is believed.
 *
 * Rules: what stands further to the left never changes what is read further to the right, so quotes too are read from the
 * right. A client cannot make the walk long: no more than MAX_HOPS are looked at.
 *
 * Runs in: gateway.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Field } from "./http1/request-head.ts";

export type RealIpHeader = "" | "x-forwarded-for" | "forwarded";

/** An empty port is not known. */
export interface RealClient {
  readonly address: string;
  readonly port: string;
}

const MAX_HOPS = 32;
/** Longer than any address with a port, and short enough for any expression. */
const MAX_NODE_LENGTH = 128;

/** Null when the header says nothing that could be read. `trusts` is asked for every address but the last. */
export function realClient(
  header: RealIpHeader,
  fields: readonly Field[],
  trusts: (address: string) => boolean,
): RealClient | null {
  const parse = header === "forwarded" ? parseForwarded : parseNode;
  let client: RealClient | null = null;
  let hops = 0;
  for (let nr = fields.length - 1; nr >= 0; nr--) {
    const field = fields[nr] as Field;
    if (field.name.lower !== header) continue;
    const { value } = field;
    for (let end = value.length; end >= 0; ) {
      const start = elementStart(value, end);
      const element = value.slice(start, end).trim();
      end = start - 1;
      if (element === "") continue; // RFC 9110 §5.6.1: empty elements do not count
      const hop = parse(element);
      if (hop === null) return client;
      client = hop;
      if (++hops === MAX_HOPS || !trusts(hop.address)) return client;
    }
  }
  return client;
}

/** Where the element that ends before `end` begins: after a comma that is not in quotes, counted from the right. */
function elementStart(value: string, end: number): number {
  let isQuoted = false;
  for (let at = end - 1; at >= 0; at--) {
    if (value[at] === '"') isQuoted = !isQuoted;
    else if (value[at] === "," && !isQuoted) return at + 1;
  }
  return 0;
}

const FOR_PAIR = /^for=(?:"([^"\\]*)"|([^"\\]*))$/i;

/** A forwarded-element: pairs between semicolons, of which `for` is wanted, once. */
function parseForwarded(element: string): RealClient | null {
  const nodes = element.split(";").flatMap((pair) => {
    const match = FOR_PAIR.exec(pair.trim());
    return match === null ? [] : [match[1] ?? match[2] ?? ""];
  });
  return nodes.length === 1 ? parseNode(nodes[0] as string) : null;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; a port may be hidden as `_name`. */
const NODE = /^(?:\[([^[\]]+)\]|([^[\]:]+))(?::(?:(\d{1,5})|_[A-Za-z0-9._-]+))?$/;

function parseNode(text: string): RealClient | null {
  if (text.length > MAX_NODE_LENGTH) return null;
  if (isPlainIPv6(text)) return { address: text, port: "" };
  const [, v6, v4 = "", port = ""] = NODE.exec(text) ?? [];
  if (Number(port) > 0xffff) return null;
  if (v6 !== undefined) return isPlainIPv6(v6) ? { address: v6, port } : null;
  return isIPv4(v4) ? { address: v4, port } : null;
}

/** Without a zone, which means nothing on another machine. */
const isPlainIPv6 = (text: string): boolean => isIPv6(text) && !text.includes("%");
