import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PeerList } from "../../../src/gateway/peer-list.ts";
import { type RealIpHeader, realClient } from "../../../src/gateway/real-ip.ts";
import { requestHead } from "./request.ts";

const TRUSTED = new PeerList(["10.0.0.0/8", "2001:db8::/32"]);

/** "address port", of the fields with these values. */
function clientBy(header: RealIpHeader, ...values: readonly string[]): string | null {
  const lines = values.map((value) => `${header}: ${value}`);
  const { fields } = requestHead("GET / HTTP/1.1", "Host: a", "X-Other: 203.0.113.99", ...lines);
  const client = realClient(header, fields, (address) => TRUSTED.includes(address));
  return client && `${client.address} ${client.port}`.trim();
}

const byXff = (...values: readonly string[]): string | null => clientBy("x-forwarded-for", ...values);
const byForwarded = (...values: readonly string[]): string | null => clientBy("forwarded", ...values);

describe("X-Forwarded-For", () => {
  it("gives the rightmost address that is not trusted", () => {
    assert.equal(byXff("203.0.113.7"), "203.0.113.7");
    assert.equal(byXff("198.51.100.1, 203.0.113.7"), "203.0.113.7");
    assert.equal(byXff("198.51.100.1, 203.0.113.7, 10.0.0.1,10.255.0.2"), "203.0.113.7");
  });

  it("gives the leftmost when all are trusted", () => {
    assert.equal(byXff("10.0.0.3, 2001:db8::2, 10.0.0.1"), "10.0.0.3");
  });

  it("is one list, however many fields it is in", () => {
    assert.equal(byXff("203.0.113.7", "10.0.0.1", "10.0.0.2"), "203.0.113.7");
    assert.equal(byXff("198.51.100.1", "203.0.113.7, 10.0.0.2"), "203.0.113.7");
  });

  it("may have a port, and brackets around IPv6", () => {
    assert.equal(byXff("203.0.113.7:4711"), "203.0.113.7 4711");
    assert.equal(byXff("2001:db9::7"), "2001:db9::7");
    assert.equal(byXff("[2001:db9::7]"), "2001:db9::7");
    assert.equal(byXff("[2001:db9::7]:4711, [2001:db8::1]:80"), "2001:db9::7 4711");
  });

  it("may have blanks and empty elements", () => {
    assert.equal(byXff(" ,\t203.0.113.7 ,, 10.0.0.1 , "), "203.0.113.7");
    assert.equal(byXff(""), null);
    assert.equal(byXff(" , ,"), null);
  });

  it("ends at what is no address, with the last one that was", () => {
    for (const nonsense of [
      "unknown",
      "_hidden",
      "localhost",
      "203.0.113",
      "203.0.113.256",
      "203.0.113.07",
      "203.0.113.7:",
      "203.0.113.7:65536",
      "203.0.113.7:-1",
      "203.0.113.7:80:80",
      "203.0.113.7/32",
      "203.0.113.7 203.0.113.8",
      "[203.0.113.7]",
      "[2001:db9::7",
      "2001:db9::7]",
      "[2001:db9::7]x",
      "[fe80::1%eth0]",
      "fe80::1%eth0",
      "[]",
      '"203.0.113.7"',
      "for=203.0.113.7",
      "\xe9",
    ]) {
      assert.equal(byXff(nonsense), null, nonsense);
      assert.equal(byXff(`198.51.100.1, ${nonsense}, 10.0.0.1`), "10.0.0.1", nonsense);
      assert.equal(byXff(`${nonsense}, 203.0.113.7, 10.0.0.1`), "203.0.113.7", nonsense);
    }
  });

  it("is not led astray by a quote that a client has sent ahead", () => {
    assert.equal(byXff('", 203.0.113.7, 10.0.0.1'), "203.0.113.7");
  });

  it("recognizes an address of IPv4 in IPv6", () => {
    assert.equal(byXff("203.0.113.7, ::ffff:10.0.0.1"), "203.0.113.7");
  });

  it("is refused in an element that is longer than any address", () => {
    assert.equal(byXff(`203.0.113.7, ${"a".repeat(5000)}, 10.0.0.1`), "10.0.0.1");
    assert.equal(byXff(`203.0.113.7${" ".repeat(5000)}, 10.0.0.1`), "203.0.113.7");
  });

  it("is not read without end", () => {
    assert.equal(byXff(`203.0.113.7${", 10.0.0.1".repeat(31)}`), "203.0.113.7");
    assert.equal(byXff(`203.0.113.7${", 10.0.0.1".repeat(32)}`), "10.0.0.1");
  });
});

describe("Forwarded", () => {
  it("gives the rightmost address that is not trusted", () => {
    assert.equal(byForwarded("for=198.51.100.1, for=203.0.113.7, for=10.0.0.1"), "203.0.113.7");
    assert.equal(byForwarded("for=203.0.113.7", "for=10.0.0.1;proto=https"), "203.0.113.7");
  });

  it("is read among other parameters, in any case, quoted or not", () => {
    assert.equal(
      byForwarded('by=10.0.0.1; For="203.0.113.7:4711" ;host="a,b";proto=https'),
      "203.0.113.7 4711",
    );
    assert.equal(byForwarded('FOR="[2001:db9::7]:4711"'), "2001:db9::7 4711");
    assert.equal(byForwarded('for="[2001:db9::7]"'), "2001:db9::7");
  });

  it("may hide the port", () => {
    assert.equal(byForwarded('for="203.0.113.7:_gazonk"'), "203.0.113.7");
  });

  it("ends at an element that names no address, or more than one", () => {
    for (const nonsense of [
      "for=unknown",
      'for="_gazonk"',
      "for=_SEVKISEK",
      "proto=https",
      "for=",
      'for=""',
      "for",
      "203.0.113.7",
      "for = 203.0.113.7",
      "for=203.0.113.7;for=203.0.113.8",
      'for="203.0.113.7',
      'for="\\203.0.113.7"',
      'xfor="203.0.113.7"',
    ]) {
      assert.equal(byForwarded(nonsense), null, nonsense);
      assert.equal(byForwarded(`${nonsense}, for=203.0.113.7, for=10.0.0.1`), "203.0.113.7", nonsense);
    }
  });

  it("is not led astray by a quote that a client has opened", () => {
    assert.equal(byForwarded('for="198.51.100.1, for=203.0.113.7'), "203.0.113.7");
    assert.equal(byForwarded('for="198.51.100.1, for="203.0.113.7:80", for=10.0.0.1'), "203.0.113.7 80");
    assert.equal(byForwarded('for="198.51.100.1\\", for=203.0.113.7'), "203.0.113.7");
  });

  it("is not X-Forwarded-For, nor the other way round", () => {
    const { fields } = requestHead("GET / HTTP/1.1", "Host: a", "X-Forwarded-For: 203.0.113.7");
    assert.equal(
      realClient("forwarded", fields, () => true),
      null,
    );
  });
});
