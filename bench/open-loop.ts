/**
 * Requests at a fixed rate, whatever becomes of those before: how long each takes is counted from when it was due, so a server
 * that stands still for a second does not hide that from the figures.
 */
import { Agent, type ClientRequest, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const TIMEOUT_MS = 10_000;

export interface OpenLoopOptions {
  readonly origin: string;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** Of the nr-th request. */
  readonly pathOf: (nr: number) => string;
  /** Whether its time counts. */
  readonly isCounted: (nr: number) => boolean;
}

export interface OpenLoopResult {
  /** Milliseconds, of each that was counted and answered. */
  readonly latencies: readonly number[];
  readonly errors: number;
}

export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { origin, requestsPerSecond, seconds, pathOf, isCounted } = options;
  const agent = new Agent({ keepAlive: true, scheduling: "fifo" });
  const latencies: number[] = [];
  let errors = 0;
  const sent: Promise<void>[] = [];
  const started = performance.now();
  const send = async (nr: number): Promise<void> => {
    const due = started + (nr / requestsPerSecond) * 1000;
    const isAnswered = await ask(origin + pathOf(nr), agent);
    if (!isAnswered) errors += 1;
    else if (isCounted(nr)) latencies.push(performance.now() - due);
  };
  const total = requestsPerSecond * seconds;
  while (sent.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * requestsPerSecond) + 1);
    while (sent.length < due) sent.push(send(sent.length));
    await pause(1);
  }
  await Promise.all(sent);
  agent.destroy();
  return { latencies, errors };
}

/** Whether there is a whole answer that is well. */
export function ask(url: string, agent: Agent | false): Promise<boolean> {
  return new Promise((resolve) => {
    const asked: ClientRequest = request(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.once("close", () => resolve(response.complete && response.statusCode === 200));
    });
    asked.once("error", () => resolve(false));
    asked.once("timeout", () => asked.destroy());
    asked.end();
  });
}
