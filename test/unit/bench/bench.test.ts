import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseWrk } from "../../../bench/load.ts";
import { parseCpuSeconds } from "../../../bench/processes.ts";
import { median, medianRatio, percentile } from "../../../bench/statistics.ts";

const OUTPUT = `Running 3s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Latency Distribution
     50%    1.05ms
     99%    1.20s 
  74201 requests in 3.00s, 11.32MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  24725.15
Transfer/sec:      3.77MB
`;

const RATES = { requestsPerSecond: 24725.15, megabytesPerSecond: (3.77 * 2 ** 20) / 1e6 };

describe("the output of wrk", () => {
  it("is read with its units and all of its errors", () => {
    assert.deepEqual(parseWrk(OUTPUT), { ...RATES, p99: 1200, errors: 15 });
  });

  it("has no errors when it tells of none", () => {
    const clean = OUTPUT.replace(/ {2}Socket.*\n {2}Non.*\n/, "").replace("1.20s", "850us");
    assert.deepEqual(parseWrk(clean), { ...RATES, p99: 0.85, errors: 0 });
  });

  it("is refused when it is something else", () => {
    assert.throws(() => parseWrk("unable to connect"), /not the output of wrk/);
  });
});

describe("statistics", () => {
  it("take the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([1, 2, 3, 10]), 2.5);
    assert.equal(medianRatio([10, 40, 90], [10, 20, 30]), 2);
  });
});

describe("a percentile", () => {
  it("is the smallest value that so many do not exceed", () => {
    const hundred = Array.from({ length: 100 }, (_, nr) => 100 - nr);
    assert.equal(percentile(hundred, 99), 99);
    assert.equal(percentile([7], 99), 7);
    assert.ok(Number.isNaN(percentile([], 99)));
  });
});

describe("processor time", () => {
  it("is that of the process and of the children it has waited for, whatever its name is", () => {
    const stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 500 0 0 0 100 50 30 20 20 0 1 0 12345 1000 50";
    assert.equal(parseCpuSeconds(stat), 2);
  });
});
