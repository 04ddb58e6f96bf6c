import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionLimit } from "../../../src/gateway/connection-limit.ts";

const limits = (files: string): string =>
  [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max processes             63704                63704                processes ",
    `Max open files            ${files.padEnd(20)} 1048576              files     `,
  ].join("\n");

describe("the limit of connections", () => {
  it("is max_connections", () => {
    assert.equal(connectionLimit(100, limits("1024")), 100);
  });

  it("leaves a quarter of the descriptors for files, whatever max_connections says", () => {
    assert.equal(connectionLimit(0, limits("1024")), 768);
    assert.equal(connectionLimit(1000, limits("1024")), 768);
    assert.equal(connectionLimit(0, limits("1")), 1);
  });

  it("is none where the system does not say", () => {
    assert.equal(connectionLimit(0, ""), Number.POSITIVE_INFINITY);
    assert.equal(connectionLimit(0, limits("unlimited")), Number.POSITIVE_INFINITY);
    assert.equal(connectionLimit(7, ""), 7);
  });

  it("is some number here", () => {
    assert.ok(connectionLimit(0) > 0);
  });
});
