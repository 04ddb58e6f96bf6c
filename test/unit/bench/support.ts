import type { Row } from "../../../bench/rows.ts";

export function row(parts: Partial<Row>): Row {
  return {
    ...{ case: "hello", setting: "64 connections", server: "tunicorn", unit: "requests/s" },
    ...{ values: [], p99: [], cpu: [], errors: 0, failure: "", remark: "" },
    ...parts,
  };
}
