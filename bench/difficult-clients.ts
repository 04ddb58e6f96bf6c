/**
 * What clients that are slow, or that only hold their connections, cost the others: the same load without and with them, in turn;
 * medians over the rounds.
 *
 *   node bench/difficult-clients.ts [--rounds 5] [--seconds 3] [--connections 32] [--idle 10000]
 *
 * slow: 2,000 that send a head a byte at a time, 200 that upload 100 bytes a second, 200 that read 1 KiB a second.
 * idle: connections that have had a response and are kept alive, and what each takes of the gateway's memory.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectAll, IdleClient, SlowHead, SlowReader, SlowUpload } from "./difficult/clients.ts";
import { descendants, isGateway, residentBytes } from "./difficult/sample.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { PEERS, Served } from "./peers.ts";
import { median, medianRatio } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "32" },
    idle: { type: "string", default: "10000" },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const connections = Number(options.connections);
const idle = Number(options.idle);

const APP = { name: "difficult", directory: "../bench/difficult", app: "app", path: "/", wanted: 0 };
const WORKERS = 2;
const KEEP_ALIVE_SECONDS = 600;

const SLOW = [
  ...Array<typeof SlowHead>(2000).fill(SlowHead),
  ...Array<typeof SlowUpload>(200).fill(SlowUpload),
  ...Array<typeof SlowReader>(200).fill(SlowReader),
];
const IDLE = Array<typeof IdleClient>(idle).fill(IdleClient);

async function startTunicorn(): Promise<Served> {
  const [tunicorn] = PEERS;
  if (tunicorn?.name !== "tunicorn") throw new Error("the first peer is not Tunicorn");
  const words = (app: string, port: number, workers: number): readonly string[] => [
    ...["--keep-alive", String(KEEP_ALIVE_SECONDS)],
    ...tunicorn.words(app, port, workers),
  ];
  return await Served.start({ ...tunicorn, words }, APP, WORKERS);
}

interface Comparison {
  readonly without: readonly LoadResult[];
  readonly withThem: readonly LoadResult[];
  /** Of the difficult clients, after the load. */
  readonly stillOpen: readonly number[];
  /** Bytes of the gateway for each of them. */
  readonly memory: number;
}

async function compare(what: string, clients: typeof SLOW | typeof IDLE): Promise<Comparison> {
  const served = await startTunicorn();
  const without: LoadResult[] = [];
  const withThem: LoadResult[] = [];
  const stillOpen: number[] = [];
  let memory = 0;
  const load = { url: served.url, connections, seconds };
  const settle = (): Promise<LoadResult> => runLoad({ ...load, seconds: 1 });
  for (let round = 1; round <= rounds; round++) {
    await settle();
    without.push(await runLoad(load));
    const before = gatewayBytes(served.pid);
    const crowd = await connectAll(served.url, clients);
    // Later rounds find memory that the first has left.
    if (round === 1) memory = (gatewayBytes(served.pid) - before) / clients.length;
    await settle();
    withThem.push(await runLoad(load));
    stillOpen.push(crowd.openCount);
    await crowd.leave();
    process.stderr.write(`bench: ${what}, round ${round}/${rounds}\n`);
  }
  await served.stop();
  return { without, withThem, stillOpen, memory };
}

function gatewayBytes(arbiter: number): number {
  return residentBytes(descendants(arbiter).find(isGateway) ?? Number.NaN);
}

function row(what: string, { without, withThem, stillOpen, memory }: Comparison): string {
  const rates = (results: readonly LoadResult[]): number[] => results.map((each) => each.requestsPerSecond);
  const p99 = (results: readonly LoadResult[]): number[] => results.map((each) => each.p99);
  const errors = [...without, ...withThem].reduce((sum, each) => sum + each.errors, 0);
  return [
    "",
    what,
    `${Math.round(median(rates(without)))} → ${Math.round(median(rates(withThem)))}`,
    `${(100 * medianRatio(rates(withThem), rates(without))).toFixed(0)} %`,
    `${median(p99(without)).toFixed(1)} → ${median(p99(withThem)).toFixed(1)}`,
    `${medianRatio(p99(withThem), p99(without)).toFixed(2)} ×`,
    String(errors),
    String(Math.min(...stillOpen)),
    (memory / 1024).toFixed(1),
    "",
  ]
    .join(" | ")
    .trim();
}

execFileSync(join(import.meta.dirname, "setup.sh"), { stdio: "inherit" });
const comparisons: ReadonlyArray<readonly [string, Comparison]> = [
  [`${SLOW.length} slow clients`, await compare("slow clients", SLOW)],
  [`${idle} idle connections`, await compare("idle connections", IDLE)],
];
console.log(`hello, ${WORKERS} workers, ${connections} connections, ${rounds} rounds of ${seconds} s\n`);
console.log("| beside the load | requests/s | kept | p99, ms | p99 | errors | still open | KiB each |");
console.log("|---|---|---|---|---|---|---|---|");
for (const [what, comparison] of comparisons) console.log(row(what, comparison));
