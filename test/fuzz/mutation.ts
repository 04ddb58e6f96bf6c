/** Chance that can be had again, and what it does to the bytes of a request. */

/** Pieces that matter to the grammar: inserted and overwritten more often than chance would. */
const PIECES = [
  ..."\r\n\t :,;=\"0aA#?*/[]%'_\\\0\x7f\x80\xff",
  ...[
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r\r\n",
    "\r\n ",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "://",
    "HTTP/1.0",
    "HTTP/1.1",
  ],
  ...["Host: a\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n"],
  ...["chunked", "identity", "close", "keep-alive", "ffffffffffffff", ";a=b", ';a="b"', "GET / HTTP/1.1\r\n"],
].map((piece) => Buffer.from(piece, "latin1"));

export type Random = (below: number) => number;

/** xorshift32: the same seed gives the same run on every machine. */
export function seeded(seed: number): Random {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)] as T;
}

export function mutate(random: Random, bytes: Buffer): Buffer {
  const at = random(bytes.length + 1);
  const piece = random(4) === 0 ? Buffer.from([random(256)]) : pick(random, PIECES);
  const before = bytes.subarray(0, at);
  switch (random(5)) {
    case 0:
      return Buffer.concat([before, piece, bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, piece, bytes.subarray(at + piece.length)]);
    case 2:
      return Buffer.concat([before, bytes.subarray(at + 1 + random(6))]);
    case 3:
      return Buffer.concat([before, bytes.subarray(random(bytes.length + 1))]);
    default:
      return before;
  }
}
