/**
 * Headers of version 2 of the PROXY protocol, right and wrong.
 */
import { isIPv6 } from "node:net";

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");

interface Parts {
  readonly client?: string;
  readonly proxy?: string;
  /** Version and command; 0x21 is PROXY, 0x20 LOCAL. */
  readonly command?: number;
  /** Address family and transport; 0x11 is TCP over IPv4. */
  readonly family?: number;
  /** As announced; what follows is cut to it. */
  readonly length?: number;
  /** After the addresses. */
  readonly tail?: Buffer;
}

/** From port 4711 to port 443. */
export function proxyHeaderV2(parts: Parts): Buffer {
  const { client = "192.0.2.7", proxy = "192.0.2.8", command = 0x21, tail = Buffer.alloc(0) } = parts;
  const ports = Buffer.from([4711 >> 8, 4711 & 0xff, 443 >> 8, 443 & 0xff]);
  const payload = Buffer.concat([addressBytes(client), addressBytes(proxy), ports, tail]);
  const { family = isIPv6(client) ? 0x21 : 0x11, length = payload.length } = parts;
  return Buffer.concat([
    SIGNATURE,
    Buffer.from([command, family, length >> 8, length & 0xff]),
    payload.subarray(0, length),
    Buffer.alloc(Math.max(0, length - payload.length)),
  ]);
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const [before, after] = [groups(head), groups(tail)];
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after]);
}

function groups(text: string): Buffer {
  const parts = text === "" ? [] : text.split(":");
  return Buffer.concat(
    parts.map((part) =>
      part.includes(".") ? addressBytes(part) : Buffer.from(part.padStart(4, "0"), "hex"),
    ),
  );
}
