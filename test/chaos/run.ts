/**
 * The chaos suite for as long as one likes:
 *
 *   npm run chaos -- [--minutes 5] [--seed N] [--log FILE]
 *
 * Rounds (round.ts) of about half a minute, sync and threaded in turn, each with a seed of its own: the next is one more. The first
 * failure ends it, with the seed and the faults in their order; `--seed` with that number begins with that round.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { NO_SMALL_DISK, smallDisk, unmountAll } from "../server/support/small-disk.ts";
import { cleanUp } from "../support/programs.ts";
import { type RoundResult, runRound } from "./round.ts";

const ROUND_MS = 40_000;
const DISK = "48m";
const MOST_SHOWN = 30;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly log: string | undefined;
}

function parse(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      log: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log("usage: npm run chaos -- [--minutes 5] [--seed N] [--log FILE]");
    process.exit(0);
  }
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0)) fail(`--minutes: a number above 0 is wanted, not '${values.minutes}'`);
  if (!Number.isInteger(seed) || seed < 0) fail(`--seed: a whole number is wanted, not '${values.seed}'`);
  return { minutes, seed, log: values.log };
}

function fail(message: string): never {
  console.error(`Error: ${message}`);
  process.exit(2);
}

async function run({ minutes, seed, log }: Options): Promise<boolean> {
  const endMs = performance.now() + minutes * 60_000;
  const disk = NO_SMALL_DISK === false ? smallDisk(DISK) : null;
  if (disk === null) console.log(`the spool disk is not filled up: ${NO_SMALL_DISK}`);
  let asked = 0;
  for (let nr = seed; performance.now() < endMs; nr++) {
    const threads = nr % 2 === 0 ? 1 : 4;
    const roundEndMs = Math.min(endMs, performance.now() + ROUND_MS);
    const result = await runRound({
      seed: nr,
      threads,
      disk,
      goesOn: () => performance.now() < roundEndMs,
      onStep: (step, count, failures) =>
        progress(`seed ${nr}: ${count} requests, ${failures} documented failures; ${step}`),
    });
    progress("");
    asked += result.asked;
    const { violations, steps, failures } = result;
    const verdict = violations.length === 0 ? "all promises kept" : "FAILED";
    console.log(
      `seed ${nr}, ${threads} thread(s): ${steps.length} steps, ${result.asked} requests, ${failures} failed as documented: ${verdict}`,
    );
    if (log !== undefined) writeFileSync(log, result.log);
    if (violations.length > 0) {
      report(nr, result);
      return false;
    }
  }
  console.log(`${asked} requests`);
  return true;
}

function report(seed: number, { violations, steps, log }: RoundResult): void {
  console.log(`\nthe faults of seed ${seed}:`);
  for (const step of steps) console.log(`  ${step}`);
  console.log(`\n${violations.length} promises broken:`);
  for (const violation of violations.slice(0, MOST_SHOWN)) console.log(`  ${violation}`);
  console.log(`\nthe end of the log:\n${log.split("\n").slice(-MOST_SHOWN).join("\n")}`);
  console.log(`again: npm run chaos -- --seed ${seed}`);
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r\u001b[K${text.slice(0, process.stdout.columns - 1)}`);
}

const options = parse();
let isWell = false;
try {
  isWell = await run(options);
} finally {
  unmountAll();
  await cleanUp();
}
process.exitCode = isWell ? 0 : 1;
