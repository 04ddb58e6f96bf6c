/**
 * The fuzzers for as long as one likes: `npm run fuzz -- [seconds each] [seed]`.
 */
import { fuzzAgainstOthers } from "./differential.ts";
import { fuzz } from "./http1.ts";

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);

function deadline(): () => boolean {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() > end;
}

console.log(`seed ${seed}`);
console.log(`our parser alone: ${fuzz(seed, deadline())} rounds`);
const { rounds, met } = await fuzzAgainstOthers(seed, deadline());
console.log(`beside Gunicorn's and llhttp: ${rounds} rounds, and these rows of docs/differences.md:`);
for (const row of [...met].sort()) console.log(`  ${row}`);
