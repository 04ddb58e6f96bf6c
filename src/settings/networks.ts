/**
 * Reads an address or a network as Python's `ipaddress.ip_network` does: `10.0.0.0/8`, `10.0.0.0/255.0.0.0`,
 * `192.0.2.7`, `2001:db8::/32`. A network with host bits set is refused, because it is nearly always a mistake.
 *
 * Runs in: arbiter, gateway.
 */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { maybePythonInt, pythonRepr } from "./python-text.ts";
import { SettingsError } from "./settings-error.ts";

export interface Network {
  readonly family: "ipv4" | "ipv6";
  /** The first address. With `prefix` and `family` this is what `BlockList.addSubnet` takes. */
  readonly address: string;
  readonly prefix: number;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** Throws SettingsError with the text of Python's ValueError. */
export function parseNetwork(text: string): Network {
  const network = maybeNetwork(text);
  if (network === undefined) {
    throw new SettingsError(`${pythonRepr(text)} does not appear to be an IPv4 or IPv6 network`);
  }
  if (hasHostBits(network)) throw new SettingsError(`${network.address}/${network.prefix} has host bits set`);
  return network;
}

function maybeNetwork(text: string): Network | undefined {
  const [address = "", mask, ...rest] = text.split("/");
  if (rest.length > 0) return undefined;
  if (isIPv4(address)) {
    const prefix = mask === undefined ? IPV4_BITS : (maybePrefix(mask, IPV4_BITS) ?? maybeNetmask(mask));
    return prefix === undefined ? undefined : { family: "ipv4", address, prefix };
  }
  if (isIPv6(address) && !address.includes("%")) {
    const prefix = mask === undefined ? IPV6_BITS : maybePrefix(mask, IPV6_BITS);
    return prefix === undefined ? undefined : { family: "ipv6", address: canonicalIPv6(address), prefix };
  }
  return undefined;
}

function maybePrefix(text: string, bits: number): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const prefix = maybePythonInt(text, 10);
  return prefix !== undefined && prefix <= bits ? prefix : undefined;
}

/** 255.255.0.0 is 16; so is its complement 0.0.255.255, which Cisco writes and Python reads too. */
function maybeNetmask(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  const bits = toBits("ipv4", text);
  if (/^1*0*$/.test(bits)) return bits.lastIndexOf("1") + 1;
  if (/^0*1*$/.test(bits)) return bits.indexOf("1");
  return undefined;
}

function hasHostBits(network: Network): boolean {
  return toBits(network.family, network.address).slice(network.prefix).includes("1");
}

function toBits(family: "ipv4" | "ipv6", address: string): string {
  return family === "ipv4" ? decimalBits(address) : groupBits(address);
}

function decimalBits(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(2).padStart(8, "0"))
    .join("");
}

function canonicalIPv6(address: string): string {
  return new SocketAddress({ address, family: "ipv6" }).address;
}

/** What `::` stands for is filled in. */
function groupBits(address: string): string {
  const [head = "", tail = ""] = address.split("::");
  const tailBits = partBits(tail);
  return partBits(head).padEnd(IPV6_BITS - tailBits.length, "0") + tailBits;
}

function partBits(part: string): string {
  if (part === "") return "";
  return part
    .split(":")
    .map((group) => {
      if (group.includes(".")) return decimalBits(group);
      return Number.parseInt(group, 16).toString(2).padStart(16, "0");
    })
    .join("");
}
