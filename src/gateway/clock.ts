/**
 * The clocks of the hot path.
 *
 * Runs in: gateway.
 */

const SAMPLES = 5;

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** What `performance.now()` counts from; of several looks the one that was interrupted least. */
function measureOrigin(): number {
  let origin = 0;
  let leastMs = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const before = hrtimeMs();
    const now = performance.now();
    const tookMs = hrtimeMs() - before;
    if (tookMs < leastMs) {
      leastMs = tookMs;
      origin = before - now;
    }
  }
  return origin;
}

const origin = measureOrigin();

/** Milliseconds of CLOCK_MONOTONIC, the clock of the queue protocol and of Python's `time.monotonic`. */
export function monotonicMs(): number {
  return origin + performance.now();
}

let dateSecond = -1;
let dateText = "";

/** The value of the Date field (RFC 9110 §6.6.1, IMF-fixdate), formatted once a second. */
export function httpDate(nowMs: number = Date.now()): string {
  const second = Math.floor(nowMs / 1e3);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1e3).toUTCString();
  }
  return dateText;
}
