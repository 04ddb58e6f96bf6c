/**
 * The clocks of the hot path.
 *
 * Runs in: gateway.
 */

const [startSeconds, startNanoseconds] = process.hrtime();
const origin = startSeconds * 1e3 + startNanoseconds / 1e6 - performance.now();

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
