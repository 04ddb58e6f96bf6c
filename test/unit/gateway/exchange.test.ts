import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ClientSide, HttpExchange } from "../../../src/gateway/exchange.ts";
import type { RequestHead } from "../../../src/gateway/http1/request-head.ts";
import { RequestBody } from "../../../src/gateway/request-body.ts";
import type { PiecewiseReply, WorkerStream } from "../../../src/gateway/worker-stream.ts";
import {
  FILE,
  FILE_REFUSED,
  FLAG_CLOSE,
  FRAME_BODY,
  FRAME_EARLY_HINTS,
  FRAME_END,
  FRAME_FAIL,
  FRAME_FILE,
  FRAME_HEAD,
  FRAME_WHOLE,
} from "../../../src/queue/layout.ts";
import { requestHead } from "./request.ts";

const PID = 4711;
const GET = requestHead("GET /app/caf%C3%A9?a=1 HTTP/1.1", "Host: a", "User-Agent: one", "User-Agent: two");
const OLD = requestHead("GET / HTTP/1.0");
const HEAD = requestHead("HEAD / HTTP/1.1", "Host: a");

class Client implements ClientSide {
  readonly remoteAddress = "192.0.2.1";
  isWaiting = false;
  isGone = false;
  isFull = false;
  keepsAlive = true;
  sent = "";
  /** As they reach the system. */
  writes = 0;
  isGathering = false;
  #isInGathered = false;
  readonly events: string[] = [];
  onRoom: (() => void) | null = null;

  write(bytes: Uint8Array): void {
    this.sent += Buffer.from(bytes).toString("latin1");
    if (!this.#isInGathered) this.writes++;
    this.#isInGathered = this.isGathering;
  }

  gather(): void {
    this.isGathering = true;
  }

  release(): void {
    this.isGathering = this.#isInGathered = false;
  }

  sendFile(): void {
    assert.fail("the tests with real processes send files");
  }

  whenRoom(callback: () => void): void {
    this.onRoom = callback;
  }

  onAnswered(_exchange: HttpExchange, close: boolean): void {
    this.events.push(close ? "answered, closes" : "answered");
  }

  refuse(response: Buffer): void {
    this.sent += response.toString("latin1");
    this.events.push("refused");
  }

  cut(byReset: boolean): void {
    this.events.push(byReset ? "cut by a reset" : "cut");
  }

  logOverload(): void {
    this.events.push("overload logged");
  }

  logLost(_exchange: HttpExchange, status: number, reason: string): void {
    this.events.push(`lost ${status}: ${reason}`);
  }

  environOf(): ReadonlyMap<string, string> {
    return new Map();
  }
}

interface Frame {
  readonly kind: number;
  readonly head?: string;
  readonly body?: string;
  readonly contentLength?: number;
  readonly flags?: number;
  /** Bytes of the body that come with the frame's beginning; all by default. */
  readonly atOnce?: number;
}

/** A request with a client and a worker, both played by the test. */
class Play {
  readonly client = new Client();
  readonly exchange: HttpExchange;
  isPaused = false;
  keepsBytes = false;
  isReading = false;
  /** To the files that were offered. */
  readonly answers: number[] = [];
  readonly #stream: WorkerStream;
  #gathering: PiecewiseReply | null = null;

  constructor(head: RequestHead, { keepAlive = true, scriptName = "" } = {}) {
    const storage = {
      maybeReserve: () => assert.fail("no body is stored"),
      spoolPath: () => assert.fail("no body is spooled"),
      onSpoolError: (error: Error) => assert.fail(error),
      onNotDeleted: assert.fail,
    };
    const body = new RequestBody(storage, 0);
    const provenance = { scheme: "http", scriptName, fields: head.fields };
    this.exchange = new HttpExchange(this.client, head, body, provenance, keepAlive);
    const stream = {
      pid: PID,
      pause: (): void => {
        this.isPaused = true;
      },
      resume: (): void => {
        this.isPaused = false;
      },
      keepBytes: (): void => {
        this.keepsBytes = true;
      },
      answerFile: (_ticket: number, answer: number): void => {
        this.answers.push(answer);
      },
      gather: (reply: PiecewiseReply): void => {
        this.#gathering = reply;
      },
    };
    // All that an exchange asks of a stream.
    this.#stream = stream as unknown as WorkerStream;
  }

  /** Returns whether the reply is complete. */
  frame({ kind, head = "", body = "", contentLength = -1, flags = 0, atOnce = body.length }: Frame): boolean {
    const status = Number.parseInt(head, 10) || 0;
    const bytes = Buffer.from(`junk${head}${body}junk`, "latin1");
    const start = "junk".length;
    const bodyStart = start + head.length;
    const end = bodyStart + body.length;
    const payloadLength = head.length + body.length;
    const header = {
      kind,
      flags,
      status,
      ticket: 1,
      key: 0,
      headLength: head.length,
      contentLength,
      payloadLength,
      claimed: 0,
    };
    const first = bodyStart + atOnce;
    let isOver = this.exchange.onReplyFrame(this.#stream, header, bytes, start, first, first === end);
    if (first < end) {
      this.endRead();
      isOver = this.exchange.onReplyMore(this.#stream, bytes, first, end, true);
    }
    if (!this.isReading) this.endRead();
    return isOver;
  }

  /** Frames that are read at once. */
  read(...frames: readonly Frame[]): void {
    this.isReading = true;
    for (const each of frames) this.frame(each);
    this.isReading = false;
    this.endRead();
  }

  endRead(): void {
    this.#gathering?.onReadEnd(this.#stream);
    this.#gathering = null;
  }

  /** The head alone, in memory of the test's own. */
  begin(kind: number, bytes: Buffer): void {
    const payload = { headLength: bytes.length, payloadLength: bytes.length };
    const header = {
      kind,
      flags: 0,
      status: 200,
      ticket: 1,
      key: 0,
      contentLength: -1,
      claimed: 0,
      ...payload,
    };
    this.exchange.onReplyFrame(this.#stream, header, bytes, 0, bytes.length, true);
  }

  /** What the client got, without the date. */
  get response(): string {
    return this.client.sent.replace(/Date: [^\r]+/, "Date: now");
  }
}

const lines = (...each: readonly string[]): string => each.map((line) => `${line}\r\n`).join("");

const OK = "HTTP/1.1 200 OK";
const OURS = ["Server: tunicorn", "Date: now"];

describe("a whole reply", () => {
  it("is one write, with its Content-Length", () => {
    const play = new Play(GET);
    assert.ok(play.frame({ kind: FRAME_WHOLE, head: lines("200 OK", "A: b"), body: "hello" }));
    assert.equal(
      play.response,
      `${lines(OK, ...OURS, "Connection: keep-alive", "Content-Length: 5", "A: b", "")}hello`,
    );
    assert.equal(play.client.writes, 1);
    assert.deepEqual(play.client.events, ["answered"]);
    assert.equal(play.exchange.status, 200);
    assert.equal(play.exchange.bodyBytes, 5);
    assert.equal(play.exchange.workerPid, PID);
  });

  it("is the same response when it comes in pieces", () => {
    for (const body of ["hello", "x".repeat(200_000)]) {
      const [whole, cut] = [new Play(GET), new Play(GET)];
      const frame = { kind: FRAME_WHOLE, head: lines("200 OK"), body };
      assert.ok(whole.frame(frame));
      assert.ok(cut.frame({ ...frame, atOnce: 2 }));
      assert.equal(cut.response, whole.response);
      assert.deepEqual(cut.client.events, ["answered"]);
      assert.equal(cut.exchange.bodyBytes, body.length);
    }
  });

  it("keeps the application's own Content-Length", () => {
    const play = new Play(GET);
    const head = lines("200 OK", "Content-Length: 5");
    play.frame({ kind: FRAME_WHOLE, head, body: "hello", contentLength: 5 });
    assert.equal(
      play.response,
      `${lines(OK, ...OURS, "Connection: keep-alive", "Content-Length: 5", "")}hello`,
    );
  });

  it("is cut where its Content-Length ends, in one piece or several", () => {
    for (const atOnce of [2, 5, 8]) {
      const play = new Play(GET);
      const head = lines("200 OK", "Content-Length: 5");
      assert.ok(play.frame({ kind: FRAME_WHOLE, head, body: "helloXYZ", contentLength: 5, atOnce }));
      assert.match(play.response, /\r\n\r\nhello$/);
      assert.equal(play.exchange.bodyBytes, 5);
      assert.deepEqual(play.client.events, ["answered"]);
    }
  });

  it("closes the connection when it is shorter than its Content-Length", () => {
    const play = new Play(GET);
    const head = lines("200 OK", "Content-Length: 9");
    play.frame({ kind: FRAME_WHOLE, head, body: "hello", contentLength: 9 });
    assert.match(play.response, /\r\nConnection: close\r\n/);
    assert.deepEqual(play.client.events, ["answered, closes"]);
  });

  for (const [title, request, head] of [
    ["HEAD", HEAD, lines("200 OK")],
    ["204", GET, lines("204 No Content")],
    ["304", GET, lines("304 Not Modified")],
  ] as const) {
    it(`has no body when it is a response to ${title}`, () => {
      const play = new Play(request);
      play.frame({ kind: FRAME_WHOLE, head, body: "dropped" });
      assert.match(play.response, /\r\nConnection: keep-alive\r\n\r\n$/);
      assert.equal(play.exchange.bodyBytes, 0);
      assert.deepEqual(play.client.events, ["answered"]);
    });
  }

  it("closes the connection when client, server or application want it", () => {
    const frame = { kind: FRAME_WHOLE, head: lines("200 OK") };
    const [server, application] = [new Play(GET, { keepAlive: false }), new Play(GET)];
    server.frame(frame);
    application.frame({ ...frame, flags: FLAG_CLOSE });
    for (const { response, client } of [server, application]) {
      assert.match(response, /\r\nConnection: close\r\n/);
      assert.deepEqual(client.events, ["answered, closes"]);
    }
  });
});

describe("a streamed reply", () => {
  it("goes out in chunks as it comes", () => {
    const play = new Play(GET);
    assert.ok(!play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" }));
    assert.ok(!play.frame({ kind: FRAME_BODY, body: "and second", atOnce: 3 }));
    assert.ok(play.frame({ kind: FRAME_END }));
    assert.equal(
      play.response,
      `${lines(OK, ...OURS, "Connection: keep-alive", "Transfer-Encoding: chunked", "")}` +
        "5\r\nfirst\r\n3\r\nand\r\n7\r\n second\r\n0\r\n\r\n",
    );
    assert.deepEqual(play.client.events, ["answered"]);
    assert.equal(play.exchange.bodyBytes, 15);
  });

  it("ends with the connection in HTTP/1.0", () => {
    const play = new Play(OLD);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" });
    play.frame({ kind: FRAME_END });
    assert.equal(play.response, `${lines("HTTP/1.0 200 OK", ...OURS, "Connection: close", "")}first`);
    assert.deepEqual(play.client.events, ["answered, closes"]);
  });

  it("is as long as its Content-Length says, not longer", () => {
    const play = new Play(GET);
    const head = lines("200 OK", "Content-Length: 7");
    play.frame({ kind: FRAME_HEAD, head, body: "first", contentLength: 7 });
    play.frame({ kind: FRAME_BODY, body: "second" });
    play.frame({ kind: FRAME_BODY, body: "third" });
    play.frame({ kind: FRAME_END });
    assert.match(play.response, /\r\n\r\nfirstse$/);
    assert.deepEqual(play.client.events, ["answered"]);
  });

  it("closes the connection when it ends before its Content-Length", () => {
    const play = new Play(GET);
    const head = lines("200 OK", "Content-Length: 9");
    play.frame({ kind: FRAME_HEAD, head, body: "first", contentLength: 9 });
    play.frame({ kind: FRAME_END });
    assert.deepEqual(play.client.events, ["answered, closes"]);
  });

  it("has no empty chunk, which would be the end", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK") });
    play.frame({ kind: FRAME_BODY });
    play.frame({ kind: FRAME_BODY, body: "x" });
    play.frame({ kind: FRAME_END });
    assert.match(play.response, /\r\n\r\n1\r\nx\r\n0\r\n\r\n$/);
  });

  it("has no body in response to HEAD", () => {
    const play = new Play(HEAD);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "dropped" });
    play.frame({ kind: FRAME_BODY, body: "dropped" });
    play.frame({ kind: FRAME_END });
    assert.match(play.response, /\r\nConnection: keep-alive\r\n\r\n$/);
  });

  it("is one write for all that came at once", () => {
    const play = new Play(GET);
    const body = { kind: FRAME_BODY, body: "piece" };
    play.read({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" }, body, body, { kind: FRAME_END });
    assert.equal(play.client.writes, 1);
    assert.match(play.response, /\r\n\r\n5\r\nfirst\r\n5\r\npiece\r\n5\r\npiece\r\n0\r\n\r\n$/);
  });

  it("holds nothing back that came alone", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK") });
    assert.ok(!play.client.isGathering);
    play.frame({ kind: FRAME_BODY, body: "piece" });
    assert.ok(!play.client.isGathering);
    assert.equal(play.client.writes, 2);
  });

  it("does not make the worker wait when it is over, however little room the client has", () => {
    const play = new Play(GET);
    play.client.isFull = true;
    play.read({ kind: FRAME_HEAD, head: lines("200 OK"), body: "all" }, { kind: FRAME_END });
    assert.ok(!play.isPaused);
  });

  it("makes its worker wait while the client has no room", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" });
    assert.ok(!play.isPaused);
    play.client.isFull = true;
    play.frame({ kind: FRAME_BODY, body: "second" });
    assert.ok(play.isPaused);
    play.client.onRoom?.();
    assert.ok(!play.isPaused);
  });

  it("keeps the bytes that its client has not taken, and only those", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "taken" });
    assert.ok(!play.keepsBytes);
    play.client.isWaiting = true;
    play.frame({ kind: FRAME_BODY, body: "not taken" });
    assert.ok(play.keepsBytes);
  });
});

describe("a file", () => {
  it("that is offered when the response has begun is refused, and the response goes on", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" });
    const head = Buffer.alloc(FILE.infoBytes).toString("latin1");
    assert.ok(!play.frame({ kind: FRAME_FILE, head }));
    assert.deepEqual(play.answers, [FILE_REFUSED]);
    play.frame({ kind: FRAME_BODY, body: "second" });
    assert.ok(play.frame({ kind: FRAME_END }));
    assert.match(play.response, /\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n$/);
  });
});

describe("early hints", () => {
  it("come before the response", () => {
    const play = new Play(GET);
    assert.ok(!play.frame({ kind: FRAME_EARLY_HINTS, head: lines("Link: </a.css>") }));
    assert.equal(play.response, lines("HTTP/1.1 103 Early Hints", "Link: </a.css>", ""));
    assert.equal(play.exchange.isAnswering, false, "the response may still be another one");
  });

  it("are nothing for HTTP/1.0, and nothing once the response has begun", () => {
    const old = new Play(OLD);
    old.frame({ kind: FRAME_EARLY_HINTS, head: lines("Link: </a.css>") });
    assert.equal(old.response, "");
    const late = new Play(GET);
    late.frame({ kind: FRAME_HEAD, head: lines("200 OK") });
    const before = late.response;
    late.frame({ kind: FRAME_EARLY_HINTS, head: lines("Link: </a.css>") });
    assert.equal(late.response, before);
  });
});

describe("a reply that cannot be given", () => {
  const CASES: Readonly<Record<string, { act: (play: Play) => void; status: number; logged: string[] }>> = {
    "the application failed": {
      act: (play) => assert.ok(play.frame({ kind: FRAME_FAIL })),
      status: 500,
      logged: [],
    },
    "the worker died": {
      act: ({ exchange }) => exchange.onWorkerDied("was killed by SIGSEGV", 1234, PID),
      status: 502,
      logged: ["lost 502: worker (pid:4711) was killed by SIGSEGV after 1.234s in"],
    },
    "the request ran too long": {
      act: ({ exchange }) => exchange.onTimedOut(30_250, PID),
      status: 504,
      logged: ["lost 504: worker (pid:4711) timed out after 30.250s in"],
    },
  };

  for (const [title, { act, status, logged }] of Object.entries(CASES)) {
    it(`is ${status} when ${title} before the response began`, () => {
      const play = new Play(GET);
      act(play);
      assert.match(play.response, new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(play.response, /\r\nConnection: close\r\n/);
      assert.deepEqual(play.client.events, [...logged, "refused"]);
      assert.equal(play.exchange.status, status);
    });

    it(`is cut, so that the client can tell, when ${title} in mid-response`, () => {
      const play = new Play(GET);
      play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" });
      const before = play.response;
      act(play);
      assert.equal(play.response, before, "no last chunk");
      assert.deepEqual(play.client.events, [...logged, "cut"]);
      assert.equal(play.exchange.status, 200);
    });
  }

  it("is cut by a reset where the regular end would look like the end of the body", () => {
    const play = new Play(OLD);
    play.frame({ kind: FRAME_HEAD, head: lines("200 OK"), body: "first" });
    play.frame({ kind: FRAME_FAIL });
    assert.deepEqual(play.client.events, ["cut by a reset"]);
  });

  it("is 503 with Retry-After when no worker was free", () => {
    const play = new Play(GET);
    play.exchange.onNotClaimed();
    assert.match(play.response, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.match(play.response, /\r\nRetry-After: 1\r\n/);
    assert.deepEqual(play.client.events, ["overload logged", "refused"]);
    assert.equal(play.exchange.status, 503);
  });

  it("is 503 when there is no room for the request", () => {
    const play = new Play(GET);
    play.exchange.onNotStored(new Error("ENOSPC"));
    assert.match(play.response, /^HTTP\/1\.1 503 /);
    assert.deepEqual(play.client.events, ["lost 503: The run directory has no room (ENOSPC) for", "refused"]);
  });
});

describe("what the access log is told", () => {
  it("is the request as it was sent, and PATH_INFO", () => {
    const { exchange } = new Play(GET, { scriptName: "/app" });
    const { remoteAddress, method, target, path, query, protocol } = exchange;
    assert.deepEqual(
      { remoteAddress, method, target, path, query, protocol },
      {
        remoteAddress: "192.0.2.1",
        method: "GET",
        target: "/app/caf%C3%A9?a=1",
        path: "/cafÃ©",
        query: "a=1",
        protocol: "HTTP/1.1",
      },
    );
    assert.equal(new Play(OLD).exchange.protocol, "HTTP/1.0");
    assert.ok(exchange.durationMs >= 0);
  });

  it("is the last of repeated fields, of the request and of the response", () => {
    const play = new Play(GET);
    play.frame({ kind: FRAME_WHOLE, head: lines("200 OK", "X-A: 1", "x-a:  2 ", "X-Ab: 3") });
    assert.equal(play.exchange.requestField("user-agent"), "two");
    assert.equal(play.exchange.requestField("cookie"), undefined);
    assert.equal(play.exchange.responseField("x-a"), "2");
    assert.equal(play.exchange.responseField("x"), undefined);
  });

  it("has the response's fields also when the memory that they lay in is used again", () => {
    const play = new Play(GET);
    const bytes = Buffer.from(lines("200 OK", "X-A: 1"));
    play.begin(FRAME_HEAD, bytes);
    bytes.fill("!");
    play.frame({ kind: FRAME_END });
    assert.equal(play.exchange.responseField("x-a"), "1");
  });
});
