/**
 * Writes an access log under load while it is rotated: renamed, and opened again by a signal, at short intervals. Then
 * every line of every file is looked at: each request must have its line, once and whole.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type Address, Client, maybeAnswer } from "../../support/client.ts";

/** Nearly as long as a request line may be. */
const PADDING = "x".repeat(3900);
const CLIENTS = 4;
/** Requests a client sends ahead. */
const AHEAD = 16;

const LOG = "access.log";

/** What the server must be told: `%(q)s` is what the requests are known by. */
export function rotationWords(directory: string): readonly string[] {
  return ["--access-logfile", join(directory, LOG), "--access-logformat", "<%(q)s>"];
}

export interface Rotated {
  readonly address: Address;
  readonly directory: string;
  readonly bytes: number;
  readonly intervalMs: number;
  /** Tells the server to open its logs again. */
  readonly reopen: () => void;
}

/** Sends requests that make `bytes` of log, with a rotation every `intervalMs`. Returns how many requests, and rotations. */
export async function writeAndRotate(options: Rotated): Promise<{ requests: number; rotations: number }> {
  const { address, directory, bytes, intervalMs, reopen } = options;
  const requests = Math.ceil(bytes / (PADDING.length + 12));
  let rotations = 0;
  const timer = setInterval(() => {
    // The last order may not have been carried out yet.
    if (!existsSync(join(directory, LOG))) return;
    renameSync(join(directory, LOG), join(directory, `${LOG}.${++rotations}`));
    reopen();
  }, intervalMs);
  let next = 0;
  const take = (): number[] => {
    const first = next;
    next = Math.min(requests, next + AHEAD);
    return Array.from({ length: next - first }, (_, nr) => first + nr);
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS }, () => sendAll(address, take)));
  } finally {
    clearInterval(timer);
  }
  return { requests, rotations };
}

async function sendAll(address: Address, take: () => number[]): Promise<void> {
  const client = await Client.connect(address);
  for (let numbers = take(); numbers.length > 0; numbers = take()) {
    client.send(numbers.map((nr) => `GET /echo?${nr}-${PADDING} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
    for (const _ of numbers) await maybeAnswer(client, "GET");
  }
  client.close();
}

/** To be called when the server has left: no line is lost, torn, or there twice. Returns the number of files. */
export function checkLines(directory: string, requests: number): number {
  const seen = new Uint8Array(requests);
  const files = readdirSync(directory).filter((name) => name.startsWith(LOG));
  for (const file of files) {
    const text = readFileSync(join(directory, file), "latin1");
    assert.ok(text === "" || text.endsWith("\n"), `${file} ends in mid-line`);
    for (const line of text.split("\n").slice(0, -1)) {
      const number = /^<(\d+)-/.exec(line)?.[1];
      if (line === "<>") continue; // the request that waited for the server to be ready
      assert.equal(line, `<${number}-${PADDING}>`, `${file} has a line that is torn`);
      seen[Number(number)] = (seen[Number(number)] ?? 0) + 1;
    }
  }
  const wrong = [...seen.keys()].filter((nr) => seen[nr] !== 1);
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} lines are lost or there twice`);
  return files.length;
}
