/**
 * What the HTTP/1 core makes of the bytes of one request, however they are cut: everything that a caller can
 * observe, as plain data that two runs can be compared by.
 */
import assert from "node:assert/strict";
import { ChunkedReader } from "../../../../src/gateway/http1/chunked-reader.ts";
import { ProtocolError } from "../../../../src/gateway/http1/protocol-error.ts";
import {
  expectsContinue,
  type RequestFraming,
  requestFraming,
  wantsKeepAlive,
} from "../../../../src/gateway/http1/request-framing.ts";
import {
  type Field,
  type HeadRules,
  type RequestHead,
  RequestHeadReader,
} from "../../../../src/gateway/http1/request-head.ts";

type FieldPair = readonly [name: string, value: string];

export interface Accepted {
  readonly kind: "accepted";
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly version: string;
  readonly minorVersion: number;
  readonly fields: readonly FieldPair[];
  readonly framing: string;
  readonly mustClose: boolean;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  readonly body: string;
  readonly trailers: readonly FieldPair[];
  /** What follows the request. */
  readonly rest: string;
}

export interface Rejected {
  readonly kind: "rejected";
  readonly status: number;
  readonly message: string;
}

/** The bytes end before the request does. */
export interface Unfinished {
  readonly kind: "unfinished";
  readonly started: boolean;
  readonly body: string;
}

export type Outcome = Accepted | Rejected | Unfinished;

/** The one text that depends on the cut: a request line that is too long may not be complete yet. */
export function withoutSeenSize(outcome: Outcome): Outcome {
  if (outcome.kind !== "rejected" || outcome.status !== 414) return outcome;
  return { ...outcome, message: outcome.message.replace(/\(\d+ >/, "(N >") };
}

/** The bytes in pieces whose sizes `nextSize` chooses; each piece is overwritten after it was read. */
export function outcomeOf(bytes: Buffer, rules: HeadRules, nextSize: () => number): Outcome {
  const request = new RequestUnderTest(rules);
  try {
    let at = 0;
    while (at < bytes.length && !request.complete) {
      const end = Math.min(bytes.length, at + nextSize());
      const piece = Buffer.from(bytes.subarray(at, end));
      const used = request.read(piece);
      piece.fill(0x58);
      at = used < 0 ? end : at + used;
    }
    return request.outcome(bytes.toString("latin1", at));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { kind: "rejected", status: error.status, message: error.message };
  }
}

/** The bytes from somewhere inside a larger buffer, as after another request. */
export function outcomeInside(before: Buffer, bytes: Buffer, after: Buffer, rules: HeadRules): Outcome {
  const request = new RequestUnderTest(rules);
  const all = Buffer.concat([before, bytes, after]);
  const end = before.length + bytes.length;
  try {
    const used = request.read(all, before.length, end);
    return request.outcome(used < 0 ? "" : all.toString("latin1", used, end));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { kind: "rejected", status: error.status, message: error.message };
  }
}

class RequestUnderTest {
  readonly #rules: HeadRules;
  readonly #headReader: RequestHeadReader;
  #chunkedReader: ChunkedReader | undefined;
  #head: RequestHead | undefined;
  #framing: RequestFraming | undefined;
  #remaining = 0;
  #body = "";

  constructor(rules: HeadRules) {
    this.#rules = rules;
    this.#headReader = new RequestHeadReader(rules);
  }

  get complete(): boolean {
    if (this.#framing === undefined) return false;
    return this.#chunkedReader === undefined ? this.#remaining === 0 : this.#chunkedReader.complete;
  }

  read(bytes: Buffer, offset = 0, end = bytes.length): number {
    let at = offset;
    if (this.#head === undefined) {
      at = this.#headReader.read(bytes, offset, end);
      if (at < 0) return at;
      assert.ok(at > offset && at <= end);
      this.#decide(this.#headReader.head);
    }
    return this.complete ? at : this.#readBody(bytes, at, end);
  }

  #decide(head: RequestHead): void {
    this.#head = head;
    expectsContinue(head);
    this.#framing = requestFraming(head);
    if (this.#framing.kind === "length") this.#remaining = this.#framing.length;
    if (this.#framing.kind === "chunked") {
      this.#chunkedReader = new ChunkedReader(this.#rules, (bytes, start, end) => {
        assert.ok(start < end, "data handed on is never empty");
        this.#body += bytes.toString("latin1", start, end);
      });
    }
  }

  #readBody(bytes: Buffer, offset: number, end: number): number {
    if (this.#chunkedReader !== undefined) return this.#chunkedReader.read(bytes, offset, end);
    const bodyEnd = Math.min(end, offset + this.#remaining);
    this.#body += bytes.toString("latin1", offset, bodyEnd);
    this.#remaining -= bodyEnd - offset;
    return this.#remaining === 0 ? bodyEnd : -1;
  }

  outcome(rest: string): Outcome {
    const head = this.#head;
    const framing = this.#framing;
    if (!this.complete || head === undefined || framing === undefined) {
      return { kind: "unfinished", started: this.#headReader.started, body: this.#body };
    }
    const { method, target, path, query, version, minorVersion } = head;
    return {
      kind: "accepted",
      ...{ method, target, path, query, version, minorVersion },
      fields: pairs(head.fields),
      framing: framing.kind === "length" ? `length ${framing.length}` : framing.kind,
      mustClose: framing.mustClose,
      keepAlive: wantsKeepAlive(head),
      expectsContinue: expectsContinue(head),
      body: this.#body,
      trailers: pairs(this.#chunkedReader?.trailers ?? []),
      rest,
    };
  }
}

function pairs(fields: readonly Field[]): FieldPair[] {
  return fields.map(({ name, value, ascii }) => {
    assert.equal(ascii, Buffer.byteLength(value) === value.length, `the ascii flag of ${name.lower}`);
    return [name.lower, value];
  });
}
