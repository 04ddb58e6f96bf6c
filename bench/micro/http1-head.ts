/**
 * How long the HTTP/1 core takes for one browser-like head of 12 fields: `node bench/micro/http1-head.ts`.
 *
 * Prints the median and the best of several rounds, in nanoseconds per head. "decided" adds what every request
 * needs: its framing, Expect and keep-alive.
 */

import { expectsContinue, requestFraming, wantsKeepAlive } from "../../src/gateway/http1/request-framing.ts";
import { DEFAULT_HEAD_RULES, RequestHeadReader } from "../../src/gateway/http1/request-head.ts";

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

const HEADS_PER_ROUND = 100_000;
const ROUNDS = 15;

const reader = new RequestHeadReader(DEFAULT_HEAD_RULES);
const half = HEAD.length >> 1;
let checksum = 0;

function readWhole(): void {
  reader.reset();
  checksum += reader.read(HEAD, 0);
}

function readAndDecide(): void {
  readWhole();
  const head = reader.head;
  checksum += requestFraming(head).kind.length + Number(expectsContinue(head)) + Number(wantsKeepAlive(head));
}

function readInTwoHalves(): void {
  reader.reset();
  reader.read(HEAD, 0, half);
  checksum += reader.read(HEAD, half);
}

function measure(title: string, readOne: () => void): void {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.hrtime.bigint();
    for (let nr = 0; nr < HEADS_PER_ROUND; nr++) readOne();
    rounds.push(Number(process.hrtime.bigint() - started) / HEADS_PER_ROUND);
  }
  rounds.sort((a, b) => a - b);
  const median = (rounds[ROUNDS >> 1] as number).toFixed(0);
  console.log(`${title.padEnd(16)} ${median} ns median, ${(rounds[0] as number).toFixed(0)} ns best`);
}

console.log(`${HEAD.length} bytes, node ${process.version}`);
measure("whole", readWhole);
measure("decided", readAndDecide);
measure("in two halves", readInTwoHalves);
if (checksum === 0) throw new Error("nothing was read");
