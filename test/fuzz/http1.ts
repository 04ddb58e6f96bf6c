/** Invariant: any bytes, however they are cut, give the same request, the same ProtocolError or the wish for
 * more; and a head or a trailer section that never ends is refused before it fills the memory.
 *
 * The unit tests run it for a moment, `npm run fuzz` for longer. A failure names its seed.
 */
import assert from "node:assert/strict";
import { ChunkedReader } from "../../src/gateway/http1/chunked-reader.ts";
import { ProtocolError } from "../../src/gateway/http1/protocol-error.ts";
import {
  DEFAULT_HEAD_RULES,
  type HeadRules,
  RequestHeadReader,
} from "../../src/gateway/http1/request-head.ts";
import { outcomeOf, withoutSeenSize } from "../unit/gateway/http1/outcome.ts";
import { loadVectors } from "../unit/gateway/http1/vectors.ts";
import { mutate, pick, type Random, seeded } from "./mutation.ts";

const SMALL_LIMITS = { limit_request_line: 40, limit_request_fields: 4, limit_request_field_size: 40 };
const LENIENT = {
  permit_obsolete_folding: true,
  strip_header_spaces: true,
  permit_unconventional_http_method: true,
  permit_unconventional_http_version: true,
  casefold_http_method: true,
};
const RULES: readonly HeadRules[] = [
  DEFAULT_HEAD_RULES,
  { ...DEFAULT_HEAD_RULES, ...SMALL_LIMITS },
  { ...DEFAULT_HEAD_RULES, ...LENIENT },
  { ...DEFAULT_HEAD_RULES, ...SMALL_LIMITS, ...LENIENT },
];

const LAST_SIZE = Buffer.from("0\r\n");

/** More than a section with the small limits can have. */
const ENOUGH_BYTES = 4096;

function checkEveryCutIsAlike(random: Random, bytes: Buffer, rules: HeadRules): void {
  const whole = withoutSeenSize(outcomeOf(bytes, rules, () => bytes.length));
  const single = withoutSeenSize(outcomeOf(bytes, rules, () => 1));
  assert.deepEqual(single, whole, "byte by byte");
  const most = 1 + random(40);
  const cut = withoutSeenSize(outcomeOf(bytes, rules, () => 1 + random(most)));
  assert.deepEqual(cut, whole, "in random pieces");
}

/** Repeats the bytes to a reader until it is done or refuses them: one of them must happen. */
function checkEnds(bytes: Buffer, what: string, read: (bytes: Buffer, offset: number) => number): void {
  try {
    for (let seen = 0; seen < ENOUGH_BYTES; seen += bytes.length) {
      if (read(bytes, 0) >= 0) return;
    }
  } catch (error) {
    if (error instanceof ProtocolError) return;
    throw error;
  }
  assert.fail(`${what} without end was neither read nor refused`);
}

function checkSectionsEnd(random: Random, bytes: Buffer): void {
  const rules = { ...pick(random, RULES), ...SMALL_LIMITS };
  const headReader = new RequestHeadReader(rules);
  checkEnds(bytes, "a head", (piece, offset) => headReader.read(piece, offset));
  const chunkedReader = new ChunkedReader(rules, () => {});
  chunkedReader.read(LAST_SIZE, 0);
  checkEnds(bytes, "a trailer section", (piece, offset) => chunkedReader.read(piece, offset));
}

/** Runs until `isOver`; returns the number of rounds. */
export function fuzz(seed: number, isOver: (round: number) => boolean): number {
  const random = seeded(seed);
  const origins = [...loadVectors("accept"), ...loadVectors("reject")].filter(
    ({ bytes }) => bytes.length < 1000,
  );
  let round = 0;
  for (; !isOver(round); round++) {
    let bytes = pick(random, origins).bytes;
    for (let nr = random(4); nr >= 0; nr--) bytes = mutate(random, bytes);
    try {
      checkEveryCutIsAlike(random, bytes, pick(random, RULES));
      if (bytes.length > 0) checkSectionsEnd(random, bytes);
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: ${JSON.stringify(bytes.toString("latin1"))}`, {
        cause: error,
      });
    }
  }
  return round;
}
