import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionLimit, maybeTooLow, streamLimit } from "../../../src/gateway/connection-limit.ts";

const limits = (files: string): string =>
  [
    "Limit                     Soft Limit           Hard Limit           Units     ",
    "Max processes             63704                63704                processes ",
    `Max open files            ${files.padEnd(20)} 1048576              files     `,
  ].join("\n");

describe("the limit of connections", () => {
  it("is max_connections", () => {
    assert.equal(connectionLimit(100, 0, limits("1024")), 100);
  });

  it("leaves a quarter of the descriptors for files, besides the gateway's own, whatever max_connections says", () => {
    assert.equal(connectionLimit(0, 0, limits("1036")), 750);
    assert.equal(connectionLimit(1000, 0, limits("1036")), 750);
    assert.equal(connectionLimit(0, 0, limits("1")), 1);
  });

  it("is none where the system does not say", () => {
    assert.equal(connectionLimit(0, 0, ""), Number.POSITIVE_INFINITY);
    assert.equal(connectionLimit(0, 0, limits("unlimited")), Number.POSITIVE_INFINITY);
    assert.equal(connectionLimit(7, 9, ""), 7);
  });

  it("is some number here", () => {
    assert.ok(connectionLimit(0, 0) > 0);
  });
});

describe("reply streams", () => {
  it("have a descriptor each, twice while there are two generations", () => {
    assert.equal(connectionLimit(0, 40, limits("1036")), Math.floor((1000 - 80) * 0.75));
    assert.equal(connectionLimit(500, 40, limits("1036")), 500);
  });

  it("leave a quarter of the descriptors to clients, however many threads there are", () => {
    assert.equal(connectionLimit(0, 600, limits("1036")), 250);
    assert.equal(connectionLimit(0, 40, limits("64")), 16);
    assert.equal(connectionLimit(0, 40, limits("100")), 16);
    assert.equal(connectionLimit(0, 40, limits("1")), 1);
  });

  it("are no more than fit beside the clients", () => {
    assert.equal(streamLimit(16, limits("64")), 12);
    assert.equal(streamLimit(48, limits("64")), 1);
    assert.equal(streamLimit(100, ""), Number.POSITIVE_INFINITY);
  });

  it("are told of when not every thread can have one", () => {
    assert.equal(maybeTooLow(40, limits("64")), 64);
    assert.equal(maybeTooLow(40, limits("1024")), null);
    assert.equal(maybeTooLow(1000, limits("1024")), 1024);
    assert.equal(maybeTooLow(1000, ""), null);
  });
});
