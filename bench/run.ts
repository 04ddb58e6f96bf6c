/**
 * Measures Tunicorn beside its peers: the servers of a case run in turn, A B C A B C …, so that a slow minute of the
 * machine counts for all of them; medians over the rounds; ratios, not absolute figures.
 *
 *   node bench/run.ts [--rounds 5] [--seconds 3] [--workers 2] [--connections 1,32,64] [--apps hello,flask,django]
 *                     [--peers tunicorn,gunicorn-sync,gunicorn-gthread] [--check]
 *
 * --check: the exit code is 1 when Tunicorn is not as many times faster than Gunicorn sync at 32 connections as
 * bench/cases.ts wants.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CASES, type Case, ROOT } from "./cases.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { PEERS, type Peer, Served, versionOf } from "./peers.ts";
import { type Line, markdown, type Row, summarize } from "./report.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    workers: { type: "string", default: "2" },
    connections: { type: "string", default: "1,32,64" },
    apps: { type: "string", default: CASES.map(({ name }) => name).join(",") },
    peers: { type: "string", default: PEERS.map(({ name }) => name).join(",") },
    check: { type: "boolean", default: false },
  },
});

const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const workers = Number(options.workers);
const peers = chosen(PEERS, options.peers);
const cases = chosen(CASES, options.apps);
const levels = options.connections.split(",").map(Number);

function chosen<T extends { readonly name: string }>(all: readonly T[], names: string): readonly T[] {
  return names.split(",").map((name) => {
    const found = all.find((each) => each.name === name);
    if (found === undefined) throw new Error(`${name} is none of ${all.map((each) => each.name).join(", ")}`);
    return found;
  });
}

async function measure(each: Case): Promise<Row[]> {
  each.prepare?.();
  const servers: { peer: Peer; served: Served }[] = [];
  for (const peer of peers) servers.push({ peer, served: await Served.start(peer, each, workers) });
  const results = new Map<string, LoadResult[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const connections of levels) {
      for (const { peer, served } of servers) {
        const result = await runLoad({ url: served.url, connections, seconds: round === 0 ? 1 : seconds });
        if (round === 0) continue; // warms up
        const key = `${connections} ${peer.name}`;
        results.set(key, [...(results.get(key) ?? []), result]);
        const progress = `${each.name}, round ${round}/${rounds}, ${connections} connections, ${peer.name}`;
        process.stderr.write(`bench: ${progress}: ${Math.round(result.requestsPerSecond)}/s\n`);
      }
    }
  }
  for (const { served } of servers) await served.stop();
  return levels.flatMap((connections) =>
    peers.map((peer) => ({
      app: each.name,
      connections,
      peer: peer.name,
      results: results.get(`${connections} ${peer.name}`) ?? [],
    })),
  );
}

/** Cases in which Tunicorn is not as much faster as it should be. */
function tooSlow(lines: readonly Line[]): string[] {
  return cases.flatMap(({ name, wanted }) => {
    const line = lines.find(
      (each) => each.app === name && each.connections === 32 && each.peer === "gunicorn-sync",
    );
    const isEnough = line !== undefined && line.tunicornIs >= wanted;
    return isEnough ? [] : [`${name}: ${line?.tunicornIs.toFixed(2) ?? "not measured"}, wanted ${wanted}`];
  });
}

execFileSync(join(import.meta.dirname, "setup.sh"), { stdio: "inherit" });
const rows: Row[] = [];
for (const each of cases) rows.push(...(await measure(each)));
const lines = summarize(rows);
const versions = peers.map((peer) => `${peer.name}: ${versionOf(peer)}`);
const about = `${rounds} rounds of ${seconds} s, ${workers} workers, ${cpus().length} processors shared with the load`;
const text = `${about}; ${versions.join("; ")}.\n\n${markdown(lines)}\n`;
console.log(text);
const directory = join(ROOT, "bench/results");
mkdirSync(directory, { recursive: true });
const stamp = new Date().toISOString().replace(/[:.]/g, "-");
writeFileSync(join(directory, `${stamp}.md`), text);
writeFileSync(join(directory, `${stamp}.json`), `${JSON.stringify({ about, versions, rows }, null, 2)}\n`);
if (options.check) {
  const slow = tooSlow(lines);
  for (const line of slow) console.error(`bench: too slow: ${line}`);
  process.exitCode = slow.length > 0 ? 1 : 0;
}
