/** Invariant: whatever the bytes, our parser, Gunicorn's and llhttp (that of `node:http`) see the same request, or none; where
 * one of them takes what another refuses, docs/differences.md has a row for it.
 *
 * Two parsers that see different requests in the same bytes are how requests are smuggled past a proxy. A request that
 * is not complete says nothing yet: whether a parser refuses it now or later is its own affair.
 *
 * The tests run it for a moment, `npm run fuzz` for longer. A failure names its seed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DEFAULT_HEAD_RULES } from "../../src/gateway/http1/request-head.ts";
import { type Outcome, outcomeOf } from "../unit/gateway/http1/outcome.ts";
import { loadVectors } from "../unit/gateway/http1/vectors.ts";
import { LlhttpParser } from "./llhttp.ts";
import { mutate, pick, type Random, seeded } from "./mutation.ts";

export interface AcceptedRequest {
  readonly kind: "accepted";
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Names in lower case. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
  /** llhttp leaves it to the server. */
  readonly keepAlive?: boolean;
}

export type Verdict =
  | AcceptedRequest
  | { readonly kind: "rejected"; readonly reason: string }
  | { readonly kind: "unfinished" };

const ROOT = join(import.meta.dirname, "../..");
const COMPARED = ["method", "target", "version", "fields", "body", "keepAlive"] as const;

/** A row of docs/differences.md, and how to tell that a disagreement is the one it speaks of. */
interface KnownDifference {
  readonly row: string;
  readonly ours: RegExp;
  readonly theirs: RegExp;
  /** Must stand in the request, where our reason does not tell enough. */
  readonly request?: RegExp;
}

const TAKES = /^accepted$/;
const INVALID_HOST = /invalid Host header/;
/** Host is one of the fields. */
const OTHER_HOST = /^accepted with another fields(,keepAlive)?$/;
const ABSOLUTE_FORM = /^(\r\n)?\S+ https?:\/\//i;

const KNOWN: readonly KnownDifference[] = [
  { row: "parser: no Host in HTTP/1.1", ours: /missing Host/, theirs: TAKES },
  { row: "parser: target that is no URI", ours: /^Invalid Request Line/, theirs: TAKES },
  { row: "parser: Host that is no host", ours: INVALID_HOST, theirs: TAKES },
  {
    row: "parser: Host beside a target in absolute-form",
    ours: TAKES,
    theirs: OTHER_HOST,
    request: ABSOLUTE_FORM,
  },
  { row: "parser: list in Connection", ours: TAKES, theirs: /^accepted with another keepAlive$/ },
  { row: "parser: end of the connection in a body", ours: /^unfinished$/, theirs: TAKES },
  {
    row: "parser: Content-Length of 2^53 and more",
    ours: /^Invalid HTTP Header: 'CONTENT-LENGTH'/,
    theirs: TAKES,
    request: /^content-length:\s*\d{16,}\s*$/im,
  },
  {
    row: "llhttp: Host or Content-Type twice",
    ours: /^Invalid HTTP Header: '(HOST|CONTENT-TYPE)'/,
    theirs: TAKES,
  },
  {
    row: "llhttp: Transfer-Encoding in HTTP/1.0",
    ours: /^Invalid HTTP Header: 'TRANSFER-ENCODING'/,
    theirs: TAKES,
    request: /HTTP\/1\.0\r\n/,
  },
  { row: "llhttp: no Host in HTTP/1.1", ours: /missing Host/, theirs: TAKES },
  { row: "llhttp: Host that is no host", ours: INVALID_HOST, theirs: TAKES },
  {
    row: "llhttp: Host beside a target in absolute-form",
    ours: TAKES,
    theirs: OTHER_HOST,
    request: ABSOLUTE_FORM,
  },
  {
    row: "llhttp: target that is no URI",
    ours: /^Invalid Request Line .* HTTP\/1\.\d''$/,
    theirs: TAKES,
  },
  { row: "llhttp: no version, or HTTP/0.9", ours: /^Invalid (Request Line|HTTP Version)/, theirs: TAKES },
  { row: "llhttp: CR before the method", ours: /^Invalid Method/, theirs: TAKES },
  { row: "llhttp: number of fields", ours: /limit request headers fields/, theirs: TAKES },
  { row: "llhttp: unknown expectation", ours: /^Unable to comply/, theirs: TAKES },
  { row: "llhttp: transfer codings", ours: /^Unsupported transfer coding/, theirs: TAKES },
  { row: "llhttp: framing in trailers", ours: /^Invalid HTTP header name/, theirs: TAKES },
  {
    row: "llhttp: chunk extensions without names or values",
    ours: /^Invalid chunk extension/,
    theirs: TAKES,
  },
  { row: "llhttp: blanks in chunk extensions", ours: TAKES, theirs: /INVALID_CHUNK_SIZE|chunk extensions/ },
  { row: "llhttp: version above 1.1", ours: TAKES, theirs: /INVALID_VERSION/ },
  { row: "llhttp: method it does not know", ours: TAKES, theirs: /INVALID_METHOD/ },
];

/** Gunicorn's parser, in a process of its own. */
class GunicornParser {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const script = join(import.meta.dirname, "gunicorn_parser.py");
    const child = spawn(join(ROOT, ".venv/bin/python"), [script], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async verdict(bytes: Buffer): Promise<Verdict> {
    this.#process.stdin?.write(`${bytes.toString("hex")}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error("Gunicorn's parser has left");
    return JSON.parse(line.value) as Verdict;
  }

  close(): void {
    this.#process.stdin?.end();
  }
}

function ourVerdict(outcome: Outcome): Verdict {
  return outcome.kind === "rejected" ? { kind: "rejected", reason: outcome.message } : outcome;
}

/** What the two make of it, in words; null when there is nothing between them. */
function disagreement(ours: Verdict, theirs: Verdict): { ours: string; theirs: string } | null {
  if (ours.kind === "accepted" && theirs.kind === "accepted") {
    const other = COMPARED.filter(
      (aspect) => aspect in theirs && JSON.stringify(ours[aspect]) !== JSON.stringify(theirs[aspect]),
    );
    return other.length === 0 ? null : { ours: "accepted", theirs: `accepted with another ${other.join()}` };
  }
  if (ours.kind !== "accepted" && theirs.kind !== "accepted") return null;
  return { ours: inWords(ours), theirs: inWords(theirs) };
}

const inWords = (verdict: Verdict): string => (verdict.kind === "rejected" ? verdict.reason : verdict.kind);

/** Runs until `isOver`; returns the number of rounds and the rows that were met. */
export async function fuzzAgainstOthers(
  seed: number,
  isOver: (round: number) => boolean,
): Promise<{ rounds: number; met: ReadonlySet<string> }> {
  const random = seeded(seed);
  const gunicorn = new GunicornParser();
  const llhttp = new LlhttpParser();
  const met = new Set<string>();
  let round = 0;
  try {
    for (; !isOver(round); round++) {
      const bytes = someRequest(random);
      const outcome = outcomeOf(bytes, DEFAULT_HEAD_RULES, () => bytes.length);
      const ours = ourVerdict(outcome);
      // llhttp judges what follows a request before it tells of the request.
      const length = bytes.length - (outcome.kind === "accepted" ? outcome.rest.length : 0);
      const others = {
        parser: await gunicorn.verdict(bytes),
        llhttp: await llhttp.verdict(bytes.subarray(0, length)),
      };
      for (const [name, theirs] of Object.entries(others)) {
        const found = disagreement(ours, theirs);
        if (found !== null) met.add(rowOf(name, found, `seed ${seed}, round ${round}`, bytes));
      }
    }
  } finally {
    gunicorn.close();
  }
  return { rounds: round, met };
}

function rowOf(
  parser: string,
  found: { ours: string; theirs: string },
  where: string,
  bytes: Buffer,
): string {
  const text = bytes.toString("latin1");
  const known = KNOWN.find(
    ({ row, ours, theirs, request }) =>
      row.startsWith(`${parser}: `) &&
      ours.test(found.ours) &&
      theirs.test(found.theirs) &&
      (request === undefined || request.test(text)),
  );
  if (known !== undefined) return known.row;
  throw new Error(
    `${where}: ours: ${found.ours}; ${parser}: ${found.theirs}; undocumented: ${JSON.stringify(text)}`,
  );
}

const ORIGINS = [...loadVectors("accept"), ...loadVectors("reject")].filter(
  ({ bytes }) => bytes.length < 3000,
);

function someRequest(random: Random): Buffer {
  let { bytes } = pick(random, ORIGINS);
  for (let nr = random(4); nr > 0; nr--) bytes = mutate(random, bytes);
  return bytes;
}

/** The first cells of the rows about parsers. */
export function documentedRows(): ReadonlySet<string> {
  const document = readFileSync(join(ROOT, "docs/differences.md"), "utf8");
  return new Set(
    [...document.matchAll(/^\| ((?:parser|llhttp): [^|]+?) \|/gm)].map(([, name]) => name as string),
  );
}

export const KNOWN_ROWS: ReadonlySet<string> = new Set(KNOWN.map(({ row }) => row));
