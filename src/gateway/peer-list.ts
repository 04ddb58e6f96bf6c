/**
 * Addresses and networks that are trusted with something: `forwarded_allow_ips`, `proxy_allow_ips`; `*` is everybody.
 *
 * Runs in: gateway.
 */
import { BlockList, isIPv6 } from "node:net";
import { parseNetwork } from "../settings/networks.ts";

export class PeerList {
  readonly #everybody: boolean;
  readonly #list = new BlockList();
  /** A proxy opens connection after connection, and the list takes 4 µs. */
  #latestAddress = "";
  #includesLatest = false;

  constructor(entries: readonly string[]) {
    this.#everybody = entries.includes("*");
    for (const entry of entries) {
      if (entry !== "*") this.#add(entry);
    }
  }

  includes(address: string): boolean {
    if (this.#everybody) return true;
    if (address !== this.#latestAddress) {
      this.#includesLatest = this.#list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
      this.#latestAddress = address;
    }
    return this.#includesLatest;
  }

  #add(entry: string): void {
    const { address, prefix, family } = parseNetwork(entry);
    this.#list.addSubnet(address, prefix, family);
  }
}
