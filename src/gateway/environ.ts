/**
 * Turns a request head into the request's part of the environ (PEP 3333), as a marshal dict. The part that never
 * changes is added by the worker (python/tunicorn/environ.py).
 *
 * Rules: values are latin-1 strings, as PEP 3333 wants. Repeated fields are joined with `,`, cookies with `; `
 * (RFC 6265 §5.4). What is the same for all requests of a connection is encoded once.
 *
 * Runs in: gateway.
 */
import type { ListenerInfo } from "../queue/gateway-messages.ts";
import { MarshalWriter, marshalKey } from "../queue/marshal.ts";
import type { Provenance } from "./forwarded.ts";
import { COOKIE, type FieldName, HOST } from "./http1/field-name.ts";
import type { Field, RequestHead } from "./http1/request-head.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";

const KEYS = {
  method: marshalKey("REQUEST_METHOD"),
  query: marshalKey("QUERY_STRING"),
  rawUri: marshalKey("RAW_URI"),
  protocol: marshalKey("SERVER_PROTOCOL"),
  scheme: marshalKey("wsgi.url_scheme"),
  scriptName: marshalKey("SCRIPT_NAME"),
  pathInfo: marshalKey("PATH_INFO"),
  remoteAddress: marshalKey("REMOTE_ADDR"),
  remotePort: marshalKey("REMOTE_PORT"),
  serverName: marshalKey("SERVER_NAME"),
  serverPort: marshalKey("SERVER_PORT"),
  proxyProtocol: marshalKey("PROXY_PROTOCOL"),
  proxyAddress: marshalKey("PROXY_ADDR"),
  proxyPort: marshalKey("PROXY_PORT"),
};

/** Marshal keys of interned field names, by the name's id. */
const fieldKeys: Uint8Array[] = [];

/**
 * The environ keys that are the same for every request of one connection. An empty `port` is not known: REMOTE_PORT is
 * absent then.
 */
export function connectionEnviron(
  listener: ListenerInfo,
  remote: { readonly address: string; readonly port: string },
  proxyHeader: ProxyHeader | null = null,
): Uint8Array {
  const writer = new MarshalWriter(256);
  writer.key(KEYS.remoteAddress);
  writer.string(remote.address);
  if (remote.port !== "") {
    writer.key(KEYS.remotePort);
    writer.asciiString(remote.port);
  }
  if (listener.kind === "tcp") {
    writer.key(KEYS.serverName);
    writer.string(listener.host);
    writer.key(KEYS.serverPort);
    writer.asciiString(String(listener.port));
  }
  if (proxyHeader !== null) writeProxyHeader(writer, proxyHeader);
  return Uint8Array.prototype.slice.call(writer.buffer, 0, writer.position);
}

function writeProxyHeader(writer: MarshalWriter, { protocol, addresses }: ProxyHeader): void {
  writer.key(KEYS.proxyProtocol);
  writer.asciiString(protocol);
  if (addresses === null) return;
  writer.key(KEYS.proxyAddress);
  writer.asciiString(addresses.proxy.address);
  writer.key(KEYS.proxyPort);
  writer.asciiString(String(addresses.proxy.port));
}

/** Writes environs, one after the other, into one buffer. */
export class EnvironWriter {
  readonly #writer = new MarshalWriter();

  /** The marshal dict of one request. The bytes are valid until the next call. */
  write(
    head: RequestHead,
    listener: ListenerInfo,
    connectionPart: Uint8Array,
    provenance: Provenance,
  ): Buffer {
    const writer = this.#writer;
    const { scheme, scriptName, fields } = provenance;
    writer.position = 0;
    writer.beginDict();
    writer.raw(connectionPart);
    writer.key(KEYS.method);
    writer.asciiString(head.method);
    writer.key(KEYS.query);
    writer.asciiString(head.query);
    writer.key(KEYS.rawUri);
    writer.asciiString(head.target);
    writer.key(KEYS.protocol);
    writer.asciiString(head.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1");
    writer.key(KEYS.scheme);
    writer.asciiString(scheme);
    writer.key(KEYS.scriptName);
    writer.string(scriptName);
    writer.key(KEYS.pathInfo);
    writer.string(percentDecode(head.path.slice(scriptName.length)));
    if (listener.kind === "unix") this.#writeUnixServer(fields, listener, scheme);
    for (let index = 0; index < fields.length; index++) this.#writeField(fields, index);
    writer.endDict();
    return writer.buffer.subarray(0, writer.position);
  }

  /** On a Unix socket the server's name is what the client calls it, and without that the path, as in Gunicorn. */
  #writeUnixServer(fields: readonly Field[], listener: ListenerInfo, scheme: string): void {
    const host = fields.find((field) => field.name === HOST)?.value;
    const { name, port } = host === undefined ? { name: listener.host, port: "" } : splitHost(host, scheme);
    this.#writer.key(KEYS.serverName);
    this.#writer.string(name);
    this.#writer.key(KEYS.serverPort);
    this.#writer.string(port);
  }

  #writeField(fields: readonly Field[], index: number): void {
    const writer = this.#writer;
    const { name, value, ascii } = fields[index] as Field;
    for (let before = 0; before < index; before++) {
      if (isSameKey((fields[before] as Field).name, name)) return; // was joined to that one
    }
    const joined = joinRepeated(fields, index);
    if (name.id >= 0) {
      fieldKeys[name.id] ??= marshalKey(name.environKey);
      writer.key(fieldKeys[name.id] as Uint8Array);
    } else {
      writer.freshKey(name.environKey);
    }
    if (joined !== value || !ascii) writer.string(joined);
    else writer.asciiString(value);
  }
}

/** The values of this field and of all later ones with the same environ key. */
function joinRepeated(fields: readonly Field[], index: number): string {
  const { name, value } = fields[index] as Field;
  let joined = value;
  for (let next = index + 1; next < fields.length; next++) {
    const other = fields[next] as Field;
    if (isSameKey(other.name, name)) joined += (name === COOKIE ? "; " : ",") + other.value;
  }
  return joined;
}

/** Interned names without underscores have the same environ key only when they are the same object. */
function isSameKey(a: FieldName, b: FieldName): boolean {
  if (a === b) return true;
  if (a.id >= 0 && b.id >= 0 && !a.hasUnderscore && !b.hasUnderscore) return false;
  return a.environKey === b.environKey;
}

/** `host` is valid; its port may be empty, SERVER_PORT never is. */
function splitHost(host: string, scheme: string): { name: string; port: string } {
  const colon = host.lastIndexOf(":");
  const nameEnd = colon > host.lastIndexOf("]") ? colon : host.length;
  const port = host.slice(nameEnd + 1) || (scheme === "https" ? "443" : "80");
  return { name: host.slice(0, nameEnd), port };
}

/** RFC 3986 §2.1, to latin-1; what is no valid escape stays, as in Python. */
export function percentDecode(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoded) =>
    String.fromCharCode(Number.parseInt(encoded.slice(1), 16)),
  );
}
