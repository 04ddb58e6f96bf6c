import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { accessLogDate, logDate } from "../../../src/logging/log-date.ts";

const before = process.env.TZ;
after(() => {
  if (before === undefined) delete process.env.TZ;
  else process.env.TZ = before;
});

describe("dates in the logs", () => {
  for (const { zone, date, log, access } of [
    {
      zone: "UTC",
      date: "2026-11-23T01:38:54.999Z",
      log: "[2026-11-23 01:38:54 +0000]",
      access: "[23/Nov/2026:01:38:54 +0000]",
    },
    {
      zone: "Asia/Kolkata",
      date: "2026-01-02T20:04:05Z",
      log: "[2026-01-03 01:34:05 +0530]",
      access: "[03/Jan/2026:01:34:05 +0530]",
    },
    {
      zone: "America/St_Johns",
      date: "2026-01-02T03:04:05Z",
      log: "[2026-01-01 23:34:05 -0330]",
      access: "[01/Jan/2026:23:34:05 -0330]",
    },
    {
      zone: "Europe/Berlin",
      date: "2026-07-01T00:00:00Z",
      log: "[2026-07-01 02:00:00 +0200]",
      access: "[01/Jul/2026:02:00:00 +0200]",
    },
  ]) {
    it(`are in local time, which in ${zone} is ${log}`, () => {
      process.env.TZ = zone;
      assert.equal(logDate(new Date(date)), log);
      assert.equal(accessLogDate(new Date(date)), access);
    });
  }
});
