import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseWrk } from "../../../bench/load.ts";
import { markdown, summarize } from "../../../bench/report.ts";
import { median, medianRatio } from "../../../bench/statistics.ts";

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

describe("the output of wrk", () => {
  it("is read with its units and all of its errors", () => {
    assert.deepEqual(parseWrk(OUTPUT), { requestsPerSecond: 24725.15, p99: 1200, errors: 15 });
  });

  it("has no errors when it tells of none", () => {
    const clean = OUTPUT.replace(/ {2}Socket.*\n {2}Non.*\n/, "").replace("1.20s", "850us");
    assert.deepEqual(parseWrk(clean), { requestsPerSecond: 24725.15, p99: 0.85, errors: 0 });
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

describe("the table", () => {
  it("has a line a server, with Tunicorn's ratio to it", () => {
    const result = (requestsPerSecond: number) => ({ requestsPerSecond, p99: 1, errors: 1 });
    const row = (peer: string, rate: number) => ({
      app: "hello",
      connections: 32,
      peer,
      results: [result(rate)],
    });
    const table = markdown(summarize([row("tunicorn", 900), row("other", 300)]));
    assert.match(table, /\| hello \| 32 \| tunicorn \| 900 \| 1\.0 \| 1 \| {2}\|/);
    assert.match(table, /\| hello \| 32 \| other \| 300 \| 1\.0 \| 1 \| 3\.00 × \|/);
  });
});
