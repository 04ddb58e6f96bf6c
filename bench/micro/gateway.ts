/**
 * What a request costs the gateway, step by step, without sockets: nanoseconds of each step for a browser's request and a small
 * reply. Each step is the code that serves, called alone.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectionEnviron, EnvironWriter } from "../../src/gateway/environ.ts";
import { expectsContinue, requestFraming, wantsKeepAlive } from "../../src/gateway/http1/request-framing.ts";
import { DEFAULT_HEAD_RULES, RequestHeadReader } from "../../src/gateway/http1/request-head.ts";
import { responseFraming } from "../../src/gateway/http1/response-framing.ts";
import { buildResponseHead } from "../../src/gateway/http1/response-head.ts";
import { Arena, type RecordPlace } from "../../src/queue/arena.ts";
import type { ListenerInfo } from "../../src/queue/gateway-messages.ts";
import { FRAME, FRAME_WHOLE, TICKET_BYTES } from "../../src/queue/layout.ts";
import { ReplyReader } from "../../src/queue/reply-reader.ts";
import { TicketWriter } from "../../src/queue/ticket-writer.ts";
import { median } from "../statistics.ts";

/** Step → nanoseconds a request, the median of the rounds. */
export type Costs = Readonly<Record<string, number>>;

const HEAD = Buffer.from(
  [
    "GET /shop/articles/42?ref=newsletter&page=3 HTTP/1.1",
    "Host: www.example.org",
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    "sec-ch-ua-mobile: ?0",
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Referer: https://www.example.org/shop/",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Cookie: sessionid=0a1b2c3d4e5f60718293a4b5c6d7e8f9; csrftoken=abcdefghijklmnopqrstuvwxyz012345",
    "",
    "",
  ].join("\r\n"),
  "latin1",
);
const LISTENER: ListenerInfo = { kind: "tcp", host: "192.0.2.1", port: 8000 };
const REMOTE = { address: "203.0.113.7", port: "55555" };
const FIELD_LINES = Buffer.from("Content-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n");
const BODY = Buffer.from("Hello, World!");

/** Requests that are written out together under load. */
const BATCH = 16;
const ROUNDS = 15;
const PER_ROUND = 16_000;

export function gatewayCosts(): Costs {
  const directory = mkdtempSync(join(tmpdir(), "tunicorn-micro-"));
  try {
    return measureAll(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function measureAll(directory: string): Costs {
  const reader = new RequestHeadReader(DEFAULT_HEAD_RULES);
  const parse = (): void => {
    reader.reset();
    if (reader.read(HEAD, 0) !== HEAD.length) throw new Error("not read");
  };
  parse();
  const { head } = reader;
  const environs = new EnvironWriter();
  const part = connectionEnviron(LISTENER, REMOTE);
  const provenance = { scheme: "http", scriptName: "", fields: head.fields } as const;
  const environ = environs.write(head, LISTENER, part, provenance);
  return {
    "head: parsed": measure(parse),
    "head: framing, Expect, keep-alive": measure(() => {
      if (requestFraming(head).kind !== "none" || expectsContinue(head) || !wantsKeepAlive(head))
        throw new Error("not understood");
    }),
    "environ: encoded": measure(() => {
      environs.write(head, LISTENER, part, provenance);
    }),
    ...queueCosts(directory, Buffer.from(environ)),
    "reply: frame read": replyCost(),
    "response: head and body in one buffer": measure(() => {
      const status = 200;
      const contentLength = BODY.length;
      responseFraming({
        method: "GET",
        minorVersion: 1,
        status,
        contentLength,
        wholeLength: contentLength,
        keepAlive: true,
      });
      buildResponseHead({
        minorVersion: 1,
        status: "200 OK",
        date: "Sun, 06 Nov 1994 08:49:37 GMT",
        connection: "keep-alive",
        chunked: false,
        contentLength: -1,
        fieldLines: FIELD_LINES,
        body: BODY,
      });
    }),
  };
}

/** Records and tickets, with their system calls, as they are written under load and when a worker waits. */
function queueCosts(directory: string, environ: Buffer): Costs {
  const arena = new Arena(join(directory, "arena"));
  const fifo = join(directory, "tickets");
  execFileSync("mkfifo", [fifo]);
  const tickets = new TicketWriter(fifo, 1);
  const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const read = Buffer.alloc(BATCH * TICKET_BYTES);
  let id = 0;
  const record = (count: number) => (): void => {
    const places: RecordPlace[] = [];
    for (let nr = 0; nr < count; nr++) places.push(arena.add(++id, environ, 0, [], 0, 0, 0) as RecordPlace);
    arena.flush();
    for (const place of places) arena.release(place);
  };
  const ticket = (count: number) => (): void => {
    for (let nr = 0; nr < count; nr++) tickets.add(++id, 0, environ.length);
    tickets.flush();
    // Also measured, but it is the workers': so that the FIFO never fills.
    readSync(reading, read, 0, count * TICKET_BYTES, null);
  };
  const costs = {
    [`record: into the arena, ${BATCH} in one write`]: measure(record(BATCH), BATCH),
    "record: into the arena, alone": measure(record(1)),
    [`ticket: written and read, ${BATCH} at once`]: measure(ticket(BATCH), BATCH),
    "ticket: written and read, alone": measure(ticket(1)),
  };
  closeSync(reading);
  tickets.close();
  arena.close();
  return costs;
}

function replyCost(): number {
  const frame = Buffer.alloc(FRAME.headerBytes);
  const block = Buffer.concat([Buffer.from("200 OK\r\n"), FIELD_LINES]);
  frame.writeUInt32LE(block.length + BODY.length, FRAME.payloadLength);
  frame[FRAME.kind] = FRAME_WHOLE;
  frame.writeUInt16LE(200, FRAME.status);
  frame.writeUInt32LE(block.length, FRAME.headLength);
  frame.writeDoubleLE(BODY.length, FRAME.contentLength);
  const bytes = Buffer.concat([frame, block, BODY]);
  let frames = 0;
  const reader = new ReplyReader({
    onFrame: () => frames++,
    onUnreadable: () => {
      throw new Error("not readable");
    },
    onMore: () => {},
  });
  const cost = measure(() => reader.read(bytes));
  if (frames === 0) throw new Error("no frame was read");
  return cost;
}

function measure(step: () => void, requests = 1): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.hrtime.bigint();
    for (let nr = 0; nr < PER_ROUND; nr += requests) step();
    rounds.push(Number(process.hrtime.bigint() - started) / PER_ROUND);
  }
  return median(rounds);
}
