/**
 * Reads what a zygote writes on its control descriptor. With --preload the application runs in the zygote and can write there
 * too, so nothing is believed that has not the shape of a report.
 *
 * Pure: no I/O. Runs in: arbiter.
 */
import type { ZygoteReport } from "./zygote-messages.ts";

type Kind = ZygoteReport["type"];
type Check = (value: unknown) => boolean;

/** Bytes of a line. The longest reports list imported files or what a configuration file has set. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

const isText: Check = (value) => typeof value === "string";
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => Number.isFinite(value);
const isFile: Check = (value) => Array.isArray(value) && isText(value[0]) && isNumber(value[1]);
const isFileValue: Check = (value) => Array.isArray(value) && isText(value[0]) && isText(value[2]);

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function maybe(check: Check): Check {
  return (value) => value === undefined || check(value);
}

const FIELDS: Readonly<Record<Kind, Readonly<Record<string, Check>>>> = {
  hello: { pid: isCount, python: isText },
  configured: { values: listOf(isFileValue) },
  "configuration-failed": { text: isText, code: isNumber },
  "log-opened": { path: isText },
  prepared: { python: isText },
  "hook-failed": { name: isText, age: maybe(isCount) },
  forked: { age: isCount, pid: isCount },
  "fork-failed": { age: isCount, error: isText },
  ready: { pid: isCount },
  imported: { pid: isCount, files: listOf(isFile) },
  "import-failed": { pid: isCount, time: isNumber },
  exited: { age: isCount, pid: isCount, code: isCount, signal: isCount },
};

function maybeReport(line: string): ZygoteReport | null {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isObject(message) || !isText(message.type)) return null;
  const kind = message.type as Kind;
  if (!Object.hasOwn(FIELDS, kind)) return null;
  const fields = Object.entries(FIELDS[kind]);
  return fields.every(([name, check]) => check(message[name])) ? (message as unknown as ZygoteReport) : null;
}

/** Cuts the stream into lines. */
export class ZygoteReportReader {
  readonly #onReport: (report: ZygoteReport) => void;
  readonly #onGarbage: (line: string) => void;
  #rest = "";

  constructor(onReport: (report: ZygoteReport) => void, onGarbage: (line: string) => void) {
    this.#onReport = onReport;
    this.#onGarbage = onGarbage;
  }

  read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#readLine(line);
    if (this.#rest.length <= MAX_LINE_LENGTH) return;
    this.#onGarbage(this.#rest);
    this.#rest = "";
  }

  /** Every report begins a line of its own (python/tunicorn/control.py), also behind bytes that do not end one. */
  #readLine(line: string): void {
    if (line === "") return;
    const report = maybeReport(line);
    if (report === null) this.#onGarbage(line);
    else this.#onReport(report);
  }
}
