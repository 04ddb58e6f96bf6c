import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HOST } from "../../../../src/gateway/http1/field-name.ts";
import {
  DEFAULT_HEAD_RULES,
  type HeadRules,
  RequestHeadReader,
} from "../../../../src/gateway/http1/request-head.ts";
import { MAX_REQUEST_LINE } from "../../../../src/gateway/http1/request-line.ts";

const SIMPLE = "GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n";

function reader(rules: Partial<HeadRules> = {}): RequestHeadReader {
  return new RequestHeadReader({ ...DEFAULT_HEAD_RULES, ...rules });
}

function feed(to: RequestHeadReader, text: string): number {
  return to.read(Buffer.from(text, "latin1"), 0);
}

describe("what read returns", () => {
  test("the offset just past the head", () => {
    assert.equal(feed(reader(), `${SIMPLE}body`), SIMPLE.length);
  });

  test("-1 while the head is incomplete, whatever is missing", () => {
    for (let length = 0; length < SIMPLE.length; length++) {
      assert.equal(feed(reader(), SIMPLE.slice(0, length)), -1);
    }
  });

  test("an offset in the given bytes, also when the head began in others", () => {
    const split = reader();
    assert.equal(feed(split, SIMPLE.slice(0, -1)), -1);
    assert.equal(feed(split, "\nnext"), 1);
  });

  test("nothing outside of the given range is read", () => {
    const bytes = Buffer.from(`x${SIMPLE}x`);
    assert.equal(reader().read(bytes, 1, bytes.length - 2), -1);
    assert.equal(reader().read(bytes, 1, bytes.length - 1), bytes.length - 1);
  });
});

describe("the head", () => {
  test("is there when it is complete, and not before", () => {
    const head = reader();
    feed(head, SIMPLE.slice(0, -1));
    assert.throws(() => head.head, /not complete/);
    feed(head, "\n");
    assert.equal(head.head.method, "GET");
    assert.equal(head.head.path, "/a");
    assert.equal(head.head.query, "b");
    assert.equal(head.head.fields[0]?.name, HOST);
  });

  test("survives the reuse of the bytes it was read from, and the next request", () => {
    const bytes = Buffer.from(SIMPLE);
    const reused = reader();
    reused.read(bytes, 0);
    const first = reused.head;
    bytes.fill(0x58);
    reused.reset();
    feed(reused, "POST /next HTTP/1.0\r\n\r\n");
    assert.equal(first.target, "/a?b");
    assert.equal(first.fields[0]?.value, "example.org");
    assert.equal(reused.head.method, "POST");
    assert.deepEqual(reused.head.fields, []);
  });

  test("does not carry the last request's Host over", () => {
    const reused = reader();
    feed(reused, SIMPLE);
    reused.reset();
    assert.throws(() => feed(reused, "GET / HTTP/1.1\r\n\r\n"), /missing Host/);
  });

  test("tolerates an empty line before each request on the connection", () => {
    const reused = reader();
    feed(reused, `\r\n${SIMPLE}`);
    reused.reset();
    assert.equal(feed(reused, `\r\n${SIMPLE}`), SIMPLE.length + 2);
  });
});

describe("started", () => {
  test("is false until a byte of the request has arrived", () => {
    const fresh = reader();
    assert.equal(fresh.started, false);
    feed(fresh, "");
    assert.equal(fresh.started, false);
    feed(fresh, "G");
    assert.equal(fresh.started, true);
  });

  test("does not count the empty line before the request, nor half of it", () => {
    const fresh = reader();
    feed(fresh, "\r");
    assert.equal(fresh.started, false);
    feed(fresh, "\n");
    assert.equal(fresh.started, false);
    feed(fresh, "G");
    assert.equal(fresh.started, true);
  });

  test("stays true to the end of the head, and is false again after reset", () => {
    const fresh = reader();
    feed(fresh, "GET / HTTP/1.1\r\n");
    assert.equal(fresh.started, true);
    feed(fresh, "Host: a\r\n\r\n");
    assert.equal(fresh.started, true);
    fresh.reset();
    assert.equal(fresh.started, false);
  });
});

describe("limits on an incomplete line", () => {
  test("fire at the first byte too many, and not before", () => {
    const limited = reader({ limit_request_line: 10 });
    feed(limited, "GET /aaaaa");
    assert.throws(() => feed(limited, "a"), /^ProtocolError: Request Line is too large \(11 > 10\)$/);
  });

  test("wait for the LF after a CR at the limit", () => {
    const limited = reader({ limit_request_line: 14 });
    assert.equal(feed(limited, "GET / HTTP/1.1\r"), -1);
    assert.equal(feed(limited, "\nHost: a\r\n\r\n"), 12);
  });

  test("name the bytes seen so far", () => {
    assert.throws(() => feed(reader(), `GET /${"a".repeat(8000)}`), { status: 414, message: /8005 > 4094/ });
  });

  test("name the line's length once it is known", () => {
    const line = `GET /${"a".repeat(4100)} HTTP/1.1`;
    assert.throws(() => feed(reader(), `${line}\r\n`), { status: 414, message: /4114 > 4094/ });
  });

  test("bound a field by its size", () => {
    const limited = reader({ limit_request_field_size: 12 });
    feed(limited, "GET / HTTP/1.1\r\nHost: aaaa");
    assert.throws(() => feed(limited, "a"), { status: 431, message: /limit request headers fields size/ });
  });

  test("bound a folded field by the size of its lines together", () => {
    const limited = reader({ limit_request_field_size: 23, permit_obsolete_folding: true });
    feed(limited, "GET / HTTP/1.1\r\nHost: a\r\n b\r\n c\r\n ddd");
    assert.throws(() => feed(limited, "d"), { status: 431 });
  });

  test("bound the number of fields by the first byte of one too many", () => {
    const limited = reader({ limit_request_fields: 1 });
    feed(limited, "GET / HTTP/1.1\r\nHost: a\r\n");
    assert.throws(() => feed(limited, "X"), { status: 431, message: /limit request headers fields'/ });
  });

  test("bound even a request line without limit", () => {
    const unlimited = reader({ limit_request_line: 0, limit_request_head: 2 * MAX_REQUEST_LINE });
    const piece = `GET /${"a".repeat(64 * 1024)}`;
    assert.throws(
      () => {
        for (let seen = 0; seen <= MAX_REQUEST_LINE; seen += piece.length) feed(unlimited, piece);
      },
      { status: 414 },
    );
  });
});

test("a malformed line is judged when it is complete, so that the error can quote it", () => {
  const patient = reader();
  assert.equal(feed(patient, "G\0T / HT"), -1);
  assert.throws(() => feed(patient, "TP/1.1\r\n"), {
    message: "Invalid Method 'Invalid HTTP method: 'G\\x00T''",
  });
});
