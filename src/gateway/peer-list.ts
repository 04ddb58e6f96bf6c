/**
 * Addresses and networks that are trusted with something: `forwarded_allow_ips`, `proxy_allow_ips`; `*` is everybody.
 *
 * Runs in: gateway.
 */
import { BlockList, isIP } from "node:net";
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

  /** `address`: as the system spells it, a link-local one with its zone; of a client that has left already it is empty. */
  includes(address: string): boolean {
    if (this.#everybody) return true;
    if (address !== this.#latestAddress) {
      this.#includesLatest = this.#isListed(address);
      this.#latestAddress = address;
    }
    return this.#includesLatest;
  }

  #isListed(address: string): boolean {
    const zone = address.indexOf("%");
    const plain = zone < 0 ? address : address.slice(0, zone);
    const version = isIP(plain);
    return version !== 0 && this.#list.check(plain, version === 6 ? "ipv6" : "ipv4");
  }

  #add(entry: string): void {
    const { address, prefix, family } = parseNetwork(entry);
    this.#list.addSubnet(address, prefix, family);
  }
}
