/**
 * The PROXY protocol: what a proxy that passes bytes on says of its client, in front of the first request
 * (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2).
 *
 * Rules: no I/O; the result depends on the bytes alone, not on how they were cut into reads; of a header of any length
 * only what is understood is kept. Strict: single spaces, CRLF, addresses of the announced family, ports without leading
 * zeros. UNKNOWN (v1), LOCAL and UNSPEC (v2) are headers without addresses: the connection's own hold. Connections other
 * than TCP are refused, as in Gunicorn. TLVs are skipped. Bytes that are no header of an expected form are plain HTTP.
 *
 * Runs in: gateway.
 */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { CR, LF } from "./http1/grammar.ts";
import { invalidProxyHeader, invalidProxyLine } from "./http1/protocol-error.ts";

export type ProxyProtocolMode = "off" | "v1" | "v2" | "auto";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** PROXY_PROTOCOL of the environ: TCP4 or TCP6, and without addresses UNKNOWN, LOCAL or UNSPEC. */
  readonly protocol: string;
  /** The client's end of its connection to the proxy, and the proxy's. */
  readonly addresses: { readonly client: Endpoint; readonly proxy: Endpoint } | null;
}

const V1_PREFIX = Buffer.from("PROXY ");
/** With CRLF, as the specification has it. */
const V1_MAX_BYTES = 107;
const V1_PORT = /^(0|[1-9]\d{0,4})$/;

const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
/** Up to the addresses: signature, version and command, family and transport, length. */
const V2_HEAD_BYTES = 16;
const V2_STREAM = 1;
const V2_ADDRESS_BYTES = { TCP4: 4, TCP6: 16 } as const;

export class ProxyHeaderReader {
  readonly #mode: ProxyProtocolMode;
  readonly #onRecognized: () => void;
  /** The beginning of the header; of version 2 the addresses end well within it. */
  readonly #bytes = Buffer.allocUnsafeSlow(V1_MAX_BYTES);
  #length = 0;
  #version: 0 | 1 | 2 = 0;
  #header: ProxyHeader | null = null;
  #unread = 0;

  /** `onRecognized` is called when it is certain that there is a header, before it is read; it may throw. */
  constructor(mode: ProxyProtocolMode, onRecognized: () => void) {
    this.#mode = mode;
    this.#onRecognized = onRecognized;
  }

  /**
   * Reads `bytes` from `offset` on. Returns the offset just past the header, -1 when more bytes are needed, `offset` itself
   * when this is no header: then `unread` comes before them. Throws ProtocolError.
   */
  read(bytes: Buffer, offset: number): number {
    const before = this.#length;
    for (let at = offset; at < bytes.length; at++) {
      if (this.#length < V1_MAX_BYTES) this.#bytes[this.#length] = bytes[at] as number;
      this.#length++;
      if (this.#version === 0 && !this.#isBeginning()) {
        this.#unread = before;
        return offset;
      }
      if (this.#isComplete()) return at + 1;
    }
    return -1;
  }

  /** What was read; null when it was no header. */
  get header(): ProxyHeader | null {
    return this.#header;
  }

  /** Bytes of earlier reads that turned out to be no header. */
  get unread(): Buffer {
    return this.#bytes.subarray(0, this.#unread);
  }

  /** Whether any byte has been seen. */
  get started(): boolean {
    return this.#length > 0;
  }

  /** Whether the bytes so far are the beginning of a header. Its version is known once the prefix is whole. */
  #isBeginning(): boolean {
    if (this.#mode !== "v2" && this.#begins(V1_PREFIX)) return this.#recognize(V1_PREFIX, 1);
    if (this.#mode !== "v1" && this.#begins(V2_SIGNATURE)) return this.#recognize(V2_SIGNATURE, 2);
    return false;
  }

  #begins(prefix: Buffer): boolean {
    return this.#bytes.subarray(0, this.#length).equals(prefix.subarray(0, this.#length));
  }

  #recognize(prefix: Buffer, version: 1 | 2): true {
    if (this.#length === prefix.length) {
      this.#version = version;
      this.#onRecognized();
    }
    return true;
  }

  #isComplete(): boolean {
    if (this.#version === 1) return this.#isCompleteLine();
    if (this.#version === 0 || this.#length < V2_HEAD_BYTES) return false;
    if (this.#length === V2_HEAD_BYTES) checkV2Head(this.#bytes);
    if (this.#length < V2_HEAD_BYTES + this.#bytes.readUInt16BE(14)) return false;
    this.#header = readV2(this.#bytes);
    return true;
  }

  #isCompleteLine(): boolean {
    const isEnded = this.#bytes[this.#length - 1] === LF;
    if (!isEnded && this.#length < V1_MAX_BYTES) return false;
    const hasTerminator = isEnded && this.#bytes[this.#length - 2] === CR;
    const line = this.#bytes.toString("latin1", 0, this.#length - (hasTerminator ? 2 : 0));
    if (!hasTerminator) throw invalidProxyLine(line);
    this.#header = readV1(line);
    return true;
  }
}

/** Section 2.1: `PROXY TCP4 client proxy client-port proxy-port`. */
function readV1(line: string): ProxyHeader {
  if (!/^[\x20-\x7e]*$/.test(line)) throw invalidProxyLine(line);
  const parts = line.split(" ");
  const [, protocol, client = "", proxy = "", clientPort = "", proxyPort = ""] = parts;
  // What else stands in the line of an unknown connection means nothing.
  if (protocol === "UNKNOWN") return { protocol, addresses: null };
  if (parts.length !== 6) throw invalidProxyLine(line);
  if (protocol !== "TCP4" && protocol !== "TCP6")
    throw invalidProxyLine(`protocol '${protocol}' not supported`);
  const isAddress = protocol === "TCP4" ? isIPv4 : isPlainIPv6;
  if (!isAddress(client) || !isAddress(proxy)) throw invalidProxyLine(line);
  if (!isPort(clientPort) || !isPort(proxyPort)) throw invalidProxyLine(`invalid port ${line}`);
  return {
    protocol,
    addresses: {
      client: { address: client, port: Number(clientPort) },
      proxy: { address: proxy, port: Number(proxyPort) },
    },
  };
}

/** Without the zone that isIPv6 lets pass. */
const isPlainIPv6 = (text: string): boolean => isIPv6(text) && !text.includes("%");

const isPort = (text: string): boolean => V1_PORT.test(text) && Number(text) <= 0xffff;

const isLocal = (bytes: Buffer): boolean => (bytes.readUInt8(12) & 0x0f) === 0;

/** Everything that can be refused before the rest has arrived, which may be 64 KiB. */
function checkV2Head(bytes: Buffer): void {
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0x0f;
  if (version !== 2) throw invalidProxyHeader(`unsupported version ${version}`);
  if (command > 1) throw invalidProxyHeader(`unsupported command ${command}`);
  if (isLocal(bytes)) return;
  const family = bytes.readUInt8(13) >> 4;
  if (family === 0) return;
  if ((bytes.readUInt8(13) & 0x0f) !== V2_STREAM) throw invalidProxyHeader("only TCP protocol is supported");
  if (family > 2) throw invalidProxyHeader(`unsupported address family ${family}`);
  const [name, addressBytes] =
    family === 1 ? ["IPv4", V2_ADDRESS_BYTES.TCP4] : ["IPv6", V2_ADDRESS_BYTES.TCP6];
  if (bytes.readUInt16BE(14) < 2 * addressBytes + 4)
    throw invalidProxyHeader(`insufficient address data for ${name}`);
}

/** Section 2.2: client's address, proxy's, client's port, proxy's. */
function readV2(bytes: Buffer): ProxyHeader {
  if (isLocal(bytes)) return { protocol: "LOCAL", addresses: null };
  const family = bytes.readUInt8(13) >> 4;
  if (family === 0) return { protocol: "UNSPEC", addresses: null };
  const protocol = family === 1 ? "TCP4" : "TCP6";
  const format = protocol === "TCP4" ? formatIPv4 : formatIPv6;
  const proxyAt = V2_HEAD_BYTES + V2_ADDRESS_BYTES[protocol];
  const portsAt = proxyAt + V2_ADDRESS_BYTES[protocol];
  return {
    protocol,
    addresses: {
      client: { address: format(bytes.subarray(V2_HEAD_BYTES, proxyAt)), port: bytes.readUInt16BE(portsAt) },
      proxy: { address: format(bytes.subarray(proxyAt, portsAt)), port: bytes.readUInt16BE(portsAt + 2) },
    },
  };
}

const formatIPv4 = (bytes: Buffer): string => bytes.join(".");

/** As `inet_ntop` writes it. */
function formatIPv6(bytes: Buffer): string {
  const groups = bytes.toString("hex").match(/.{4}/g) ?? [];
  return new SocketAddress({ family: "ipv6", address: groups.join(":") }).address;
}
