import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ProtocolError } from "../../../src/gateway/http1/protocol-error.ts";
import { ProxyHeaderReader, type ProxyProtocolMode } from "../../../src/gateway/proxy-protocol.ts";
import { Random } from "../random.ts";
import { proxyHeaderV2 } from "./proxy-header.ts";

const REQUEST = "GET / HTTP/1.1\r\n";

/** What a reader makes of bytes; `rest` is what the HTTP parser gets to see. */
function read(bytes: Buffer, mode: ProxyProtocolMode, pieceLength: number): unknown {
  const recognized: number[] = [];
  let at = 0;
  const reader = new ProxyHeaderReader(mode, () => recognized.push(at));
  try {
    while (at < bytes.length) {
      const piece = Buffer.from(bytes.subarray(at, at + pieceLength));
      const next = reader.read(piece, 0);
      piece.fill(0x58);
      if (next >= 0) {
        const rest = Buffer.concat([reader.unread, bytes.subarray(at + next)]).toString("latin1");
        assert.equal(recognized.length, reader.header === null ? 0 : 1);
        return { header: reader.header, rest };
      }
      at += pieceLength;
    }
    return { unfinished: true, recognized: recognized.length };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { refused: error.status, because: error.detail };
  }
}

/** However the bytes are cut, and whatever follows. */
function outcome(header: string | Buffer, mode: ProxyProtocolMode = "auto"): unknown {
  const bytes = Buffer.isBuffer(header) ? header : Buffer.from(header, "latin1");
  const whole = read(bytes, mode, bytes.length || 1);
  for (const length of [1, 2, 7, 15, 16, 17]) {
    assert.deepEqual(read(bytes, mode, length), whole, `in pieces of ${length}`);
  }
  return whole;
}

function accepted(header: string | Buffer, mode: ProxyProtocolMode = "auto"): unknown {
  const bytes = Buffer.isBuffer(header) ? header : Buffer.from(header, "latin1");
  const alone = outcome(bytes, mode) as { header: unknown; rest: string };
  assert.equal(alone.rest, "");
  const followed = outcome(Buffer.concat([bytes, Buffer.from(REQUEST)]), mode);
  assert.deepEqual(followed, { header: alone.header, rest: REQUEST });
  return alone.header;
}

function refused(header: string | Buffer, because: string): void {
  const bytes = Buffer.isBuffer(header) ? header : Buffer.from(header, "latin1");
  assert.deepEqual(outcome(bytes), { refused: 400, because });
  assert.deepEqual(outcome(Buffer.concat([bytes, Buffer.from(REQUEST)])), { refused: 400, because });
}

const addresses = (client: string, port: number, proxy: string, proxyPort: number): unknown => ({
  client: { address: client, port },
  proxy: { address: proxy, port: proxyPort },
});

describe("version 1 of the PROXY protocol", () => {
  it("gives both ends of a connection over IPv4 or IPv6", () => {
    assert.deepEqual(accepted("PROXY TCP4 192.0.2.7 198.51.100.8 4711 443\r\n"), {
      protocol: "TCP4",
      addresses: addresses("192.0.2.7", 4711, "198.51.100.8", 443),
    });
    assert.deepEqual(accepted("PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n", "v1"), {
      protocol: "TCP6",
      addresses: addresses("2001:DB8::1", 0, "::1", 65535),
    });
  });

  it("gives no addresses of an unknown connection, whatever else the line says", () => {
    const header = { protocol: "UNKNOWN", addresses: null };
    assert.deepEqual(accepted("PROXY UNKNOWN\r\n"), header);
    assert.deepEqual(accepted("PROXY UNKNOWN ffff::1 nonsense 1 2 3 4\r\n"), header);
    assert.deepEqual(accepted(`PROXY UNKNOWN ${"x".repeat(107 - 16)}\r\n`), header);
  });

  it("refuses a line that has too many or too few parts", () => {
    for (const line of [
      "PROXY ",
      "PROXY TCP4",
      "PROXY TCP4 192.0.2.7 192.0.2.8 1",
      "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3",
      "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 ",
      "PROXY TCP4  192.0.2.7 192.0.2.8 1 2",
      "PROXY TCP4\t192.0.2.7 192.0.2.8 1 2",
    ]) {
      assert.deepEqual((outcome(`${line}\r\n`) as { refused: number }).refused, 400, line);
    }
  });

  it("refuses other protocols, in Gunicorn's words", () => {
    refused("PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n", `Invalid PROXY line: "protocol 'UDP4' not supported"`);
    refused("PROXY tcp4 192.0.2.7 192.0.2.8 1 2\r\n", `Invalid PROXY line: "protocol 'tcp4' not supported"`);
  });

  it("refuses addresses that are none, or of the other family", () => {
    for (const parts of [
      "TCP4 192.0.2.256 192.0.2.8",
      "TCP4 192.0.2.7 192.0.2",
      "TCP4 192.0.2.07 192.0.2.8",
      "TCP4 ::1 ::2",
      "TCP4 example.com 192.0.2.8",
      "TCP6 192.0.2.7 192.0.2.8",
      "TCP6 fe80::1%eth0 ::1",
      "TCP6 [::1] ::1",
      "TCP6 ::1 ",
    ]) {
      refused(`PROXY ${parts} 1 2\r\n`, `Invalid PROXY line: 'PROXY ${parts} 1 2'`);
    }
  });

  it("refuses ports that are none", () => {
    for (const ports of ["65536 1", "1 -1", "+1 1", "01 1", "1 1x", "1 0x50", "1 ", "1 100000"]) {
      const line = `PROXY TCP4 192.0.2.7 192.0.2.8 ${ports}`;
      refused(`${line}\r\n`, `Invalid PROXY line: 'invalid port ${line}'`);
    }
  });

  it("refuses line ends other than CRLF, and control bytes", () => {
    const line = "PROXY TCP4 192.0.2.7 192.0.2.8 1 2";
    refused(`${line}\n`, `Invalid PROXY line: '${line}\\n'`);
    refused(`${line}\r\r\n`, `Invalid PROXY line: '${line}\\r'`);
    refused("PROXY UNKNOWN\n", "Invalid PROXY line: 'PROXY UNKNOWN\\n'");
    refused("PROXY UNKNOWN \0\r\n", "Invalid PROXY line: 'PROXY UNKNOWN \\x00'");
    refused("PROXY UNKNOWN \rx\r\n", "Invalid PROXY line: 'PROXY UNKNOWN \\rx'");
  });

  it("refuses a line that does not end within 107 bytes, and keeps no more of it", () => {
    const line = `PROXY UNKNOWN ${"x".repeat(107 - 14)}`;
    refused(line, `Invalid PROXY line: '${line}'`);
  });
});

describe("version 2 of the PROXY protocol", () => {
  it("gives both ends of a connection over IPv4 or IPv6", () => {
    assert.deepEqual(accepted(proxyHeaderV2({ client: "192.0.2.7", proxy: "198.51.100.8" })), {
      protocol: "TCP4",
      addresses: addresses("192.0.2.7", 4711, "198.51.100.8", 443),
    });
    assert.deepEqual(accepted(proxyHeaderV2({ client: "2001:db8::1", proxy: "::ffff:192.0.2.1" }), "v2"), {
      protocol: "TCP6",
      addresses: addresses("2001:db8::1", 4711, "::ffff:192.0.2.1", 443),
    });
  });

  it("skips what follows the addresses, however much it is", () => {
    for (const length of [1, 3, 500, 65_535 - 12]) {
      const header = accepted(proxyHeaderV2({ tail: Buffer.alloc(length, "\r\nGET") }));
      assert.equal((header as { protocol: string }).protocol, "TCP4");
    }
  });

  it("gives no addresses of the proxy's own connections and of unspecified ones", () => {
    const local = { protocol: "LOCAL", addresses: null };
    assert.deepEqual(accepted(proxyHeaderV2({ command: 0x20, length: 0 })), local);
    assert.deepEqual(accepted(proxyHeaderV2({ command: 0x20 })), local);
    assert.deepEqual(accepted(proxyHeaderV2({ command: 0x20, family: 0xff, length: 0 })), local);
    const unspecified = { protocol: "UNSPEC", addresses: null };
    assert.deepEqual(accepted(proxyHeaderV2({ family: 0x00, length: 0 })), unspecified);
    assert.deepEqual(accepted(proxyHeaderV2({ family: 0x01 })), unspecified);
  });

  it("refuses other versions and commands", () => {
    refused(proxyHeaderV2({ command: 0x11 }), "Invalid PROXY header: unsupported version 1");
    refused(proxyHeaderV2({ command: 0x31 }), "Invalid PROXY header: unsupported version 3");
    refused(proxyHeaderV2({ command: 0x22 }), "Invalid PROXY header: unsupported command 2");
  });

  it("refuses connections other than TCP over IP", () => {
    refused(proxyHeaderV2({ family: 0x12 }), "Invalid PROXY header: only TCP protocol is supported");
    refused(proxyHeaderV2({ family: 0x10 }), "Invalid PROXY header: only TCP protocol is supported");
    refused(proxyHeaderV2({ family: 0x31 }), "Invalid PROXY header: unsupported address family 3");
  });

  it("refuses a length that the addresses do not fit in", () => {
    refused(proxyHeaderV2({ length: 11 }), "Invalid PROXY header: insufficient address data for IPv4");
    refused(
      proxyHeaderV2({ family: 0x21, length: 35 }),
      "Invalid PROXY header: insufficient address data for IPv6",
    );
  });
});

describe("bytes that are no PROXY header", () => {
  const plain = (text: string): unknown => ({ header: null, rest: text });

  it("are plain HTTP, from the first one on", () => {
    for (const text of [
      REQUEST,
      "PROPFIND / HTTP/1.1\r\n",
      "PROXY/ TCP4\r\n",
      "proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
      "\r\nGET / HTTP/1.1\r\n",
      "\r\n\r\n\0\r\nQUIT\r\n",
    ]) {
      assert.deepEqual(outcome(text), plain(text));
    }
  });

  it("may be a header of the version that is not expected", () => {
    const line = "PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n";
    assert.deepEqual(outcome(line, "v2"), plain(line));
    const binary = proxyHeaderV2({});
    assert.deepEqual(outcome(binary, "v1"), plain(binary.toString("latin1")));
  });

  it("may be too few to tell", () => {
    assert.deepEqual(outcome("PROX"), { unfinished: true, recognized: 0 });
    assert.deepEqual(outcome("PROXY "), { unfinished: true, recognized: 1 });
    assert.deepEqual(outcome(proxyHeaderV2({}).subarray(0, 11)), { unfinished: true, recognized: 0 });
    assert.deepEqual(outcome(proxyHeaderV2({}).subarray(0, 12)), { unfinished: true, recognized: 1 });
    assert.deepEqual(outcome(proxyHeaderV2({}).subarray(0, -1)), { unfinished: true, recognized: 1 });
  });
});

it("gives a header, plain bytes or a ProtocolError for any bytes, however they are cut", () => {
  const random = new Random(2017);
  for (let round = 0; round < 3000; round++) {
    const seed = random.pick([proxyHeaderV2({}), Buffer.from("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\nGET")]);
    const bytes = Buffer.from(seed);
    for (let nr = random.below(4); nr > 0; nr--) bytes[random.below(bytes.length)] = random.below(256);
    outcome(bytes.subarray(0, random.between(1, bytes.length)));
  }
});
