import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { describe, it } from "node:test";
import { type Network, parseNetwork } from "../../../src/settings/networks.ts";

const ipv4 = (address: string, prefix: number): Network => ({ family: "ipv4", address, prefix });
const ipv6 = (address: string, prefix: number): Network => ({ family: "ipv6", address, prefix });

const READ: Readonly<Record<string, Network>> = {
  "192.0.2.7": ipv4("192.0.2.7", 32),
  "192.0.2.0/24": ipv4("192.0.2.0", 24),
  "10.0.0.0/255.0.0.0": ipv4("10.0.0.0", 8),
  "10.0.0.0/0.255.255.255": ipv4("10.0.0.0", 8),
  "0.0.0.0/0": ipv4("0.0.0.0", 0),
  "0.0.0.0/0.0.0.0": ipv4("0.0.0.0", 0),
  "::1": ipv6("::1", 128),
  "::/0": ipv6("::", 0),
  "2001:DB8::/32": ipv6("2001:db8::", 32),
  "1:2:3:4:5:6:7:8/125": ipv6("1:2:3:4:5:6:7:8", 125),
  "::ffff:192.0.2.0/120": ipv6("::ffff:192.0.2.0", 120),
};

const HOST_BITS: Readonly<Record<string, string>> = {
  "10.0.0.1/8": "10.0.0.1/8",
  "10.0.0.1/255.0.0.0": "10.0.0.1/8",
  "192.0.2.7/0.0.0.0": "192.0.2.7/0",
  "2001:DB8::1/32": "2001:db8::1/32",
  "1:2:3:4:5:6:7:8/120": "1:2:3:4:5:6:7:8/120",
};

const NOT_NETWORKS = [
  "",
  "*",
  "host",
  " 10.0.0.1",
  "010.0.0.1",
  "10.0.0.1/",
  "10.0.0.1/33",
  "10.0.0.1/-1",
  "10.0.0.0/255.0.255.0",
  "10.0.0.0/8/8",
  "::1/129",
  "::/ffff::",
  "fe80::1%eth0",
];

describe("a network", () => {
  for (const [text, network] of Object.entries(READ)) {
    it(`reads ${text}`, () => assert.deepEqual(parseNetwork(text), network));
  }

  for (const [text, shown] of Object.entries(HOST_BITS)) {
    it(`refuses ${text}, which has host bits set`, () => {
      assert.throws(() => parseNetwork(text), {
        name: "SettingsError",
        message: `${shown} has host bits set`,
      });
    });
  }

  for (const text of NOT_NETWORKS) {
    it(`refuses '${text}'`, () => {
      const message = `'${text}' does not appear to be an IPv4 or IPv6 network`;
      assert.throws(() => parseNetwork(text), { name: "SettingsError", message });
    });
  }

  it("is what a BlockList takes", () => {
    const list = new BlockList();
    for (const { address, prefix, family } of Object.values(READ)) list.addSubnet(address, prefix, family);
    assert.ok(list.check("10.1.2.3", "ipv4"));
  });
});
