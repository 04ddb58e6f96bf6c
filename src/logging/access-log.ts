/**
 * The access log: `access_log_format` compiled once into a list of texts and atoms (Gunicorn's names).
 *
 * What a client sent is escaped, so that no request can forge a line or break one: `"` and `\` with a backslash,
 * control characters and what is not ASCII as `\xHH`. An atom that is not known gives `-`, as in Gunicorn.
 *
 * Runs in: gateway.
 */
import { accessLogDate } from "./log-date.ts";

/** One answered request. */
export interface AccessRecord {
  readonly remoteAddress: string;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: string;
  readonly protocol: string;
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bodyBytes: number;
  readonly durationMs: number;
  readonly workerPid: number;
  /** Lower-case name → value; the last one of repeated fields. */
  requestField(name: string): string | undefined;
  responseField(name: string): string | undefined;
}

type Atom = (record: AccessRecord) => string;

const ATOMS: Readonly<Record<string, Atom>> = {
  h: (record) => record.remoteAddress,
  l: () => "-",
  u: (record) => basicAuthUser(record.requestField("authorization")),
  t: () => accessLogDate(new Date()),
  r: (record) => `${escaped(record.method)} ${escaped(record.target)} ${record.protocol}`,
  s: (record) => String(record.status),
  m: (record) => escaped(record.method),
  U: (record) => escaped(record.path),
  q: (record) => escaped(record.query),
  H: (record) => record.protocol,
  b: (record) => String(record.bodyBytes),
  B: (record) => String(record.bodyBytes),
  f: (record) => escaped(record.requestField("referer") ?? "-"),
  a: (record) => escaped(record.requestField("user-agent") ?? "-"),
  T: (record) => String(Math.trunc(record.durationMs / 1e3)),
  M: (record) => String(Math.trunc(record.durationMs)),
  D: (record) => String(Math.trunc(record.durationMs * 1e3)),
  L: (record) => (record.durationMs / 1e3).toFixed(6),
  p: (record) => `<${record.workerPid}>`,
};

const FORMAT_PART = /%\(([^)]*)\)s/g;

export function compileAccessLogFormat(format: string): (record: AccessRecord) => string {
  const parts: (string | Atom)[] = [];
  let position = 0;
  for (const match of format.matchAll(FORMAT_PART)) {
    parts.push(format.slice(position, match.index), atom(match[1] as string));
    position = match.index + match[0].length;
  }
  parts.push(format.slice(position));
  return (record) => {
    let line = "";
    for (const part of parts) line += typeof part === "string" ? part : part(record);
    return line;
  };
}

function atom(name: string): Atom {
  const field = /^\{(.+)\}([io])$/.exec(name.toLowerCase());
  if (field !== null) {
    const fieldName = field[1] as string;
    return field[2] === "i"
      ? (record) => escaped(record.requestField(fieldName) ?? "-")
      : (record) => escaped(record.responseField(fieldName) ?? "-");
  }
  return (Object.hasOwn(ATOMS, name) ? ATOMS[name] : undefined) ?? (() => "-");
}

const UNSAFE = /["\\\x00-\x1f\x7f-\uffff]/g;

function escaped(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** The user of a Basic authorization (RFC 7617), `-` when there is none. */
function basicAuthUser(authorization: string | undefined): string {
  const match = /^basic\s+(\S+)$/i.exec(authorization ?? "");
  if (match === null) return "-";
  const user = Buffer.from(match[1] as string, "base64")
    .toString("latin1")
    .split(":", 1)[0];
  return user === undefined || user === "" ? "-" : escaped(user);
}
