/**
 * The access log: `access_log_format` compiled once into a list of texts and atoms (Gunicorn's names).
 *
 * What a client sent is escaped, so that no request can forge a line or break one: `"` and `\` with a backslash,
 * control characters and what is not ASCII as `\xHH`. The word `json` is a format too (access-log-json.ts). An atom that is not known gives `-`, as in Gunicorn.
 *
 * Runs in: gateway.
 */
import { jsonAccessLine } from "./access-log-json.ts";
import { maybeBasicUser } from "./basic-user.ts";
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
  /** Bytes of the application's body that were sent; an error page of the gateway counts 0, as in Gunicorn. */
  readonly bodyBytes: number;
  readonly durationMs: number;
  readonly workerPid: number;
  /** The number of the worker in this instance; 0 when no worker had the request. */
  readonly workerAge: number;
  /** How long the complete request waited for a worker; NaN when none had it. */
  readonly queuedMs: number;
  /** Lower-case name → value; the last one of repeated fields. */
  requestField(name: string): string | undefined;
  responseField(name: string): string | undefined;
  /** The variables that the gateway gave the application; costs as much as the request's own. */
  environ(): ReadonlyMap<string, string>;
}

type Atom = (record: AccessRecord) => string;

const ATOMS: Readonly<Record<string, Atom>> = {
  h: (record) => record.remoteAddress,
  l: () => "-",
  u: (record) => escaped(basicUserBytes(record.requestField("authorization")) ?? "-"),
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
  // Of Tunicorn alone.
  Q: ({ queuedMs }) => (Number.isNaN(queuedMs) ? "-" : String(Math.max(0, Math.trunc(queuedMs * 1e3)))),
  W: ({ workerAge }) => (workerAge === 0 ? "-" : String(workerAge)),
};

/** `%(name)s`, also with the flags, width and precision of Python's `%`; and `%%`. */
const FORMAT_PART = /%(?:%|\(([^)]*)\)([-0 +#]*)(\d*)(?:\.(\d+))?([sdiu]))/g;

/** What `access_log_format` says in words instead of atoms. */
const JSON_FORMAT = "json";

export function compileAccessLogFormat(format: string): (record: AccessRecord) => string {
  if (format === JSON_FORMAT) return jsonAccessLine;
  const parts: (string | Atom)[] = [];
  let position = 0;
  for (const match of format.matchAll(FORMAT_PART)) {
    parts.push(format.slice(position, match.index));
    parts.push(match[1] === undefined ? "%" : padded(atom(match[1]), match));
    position = match.index + match[0].length;
  }
  parts.push(format.slice(position));
  return (record) => {
    let line = "";
    for (const part of parts) line += typeof part === "string" ? part : part(record);
    return line;
  };
}

function padded(atom: Atom, [, , flags = "", width = "", precision, conversion]: RegExpExecArray): Atom {
  const cut = precision === undefined || conversion !== "s" ? Number.POSITIVE_INFINITY : Number(precision);
  if (width === "" && cut === Number.POSITIVE_INFINITY) return atom;
  const isLeft = flags.includes("-");
  const fill = flags.includes("0") && conversion !== "s" ? "0" : " ";
  return (record) => {
    const text = atom(record).slice(0, cut);
    return isLeft ? text.padEnd(Number(width)) : text.padStart(Number(width), fill);
  };
}

function atom(name: string): Atom {
  const field = /^\{(.+)\}([ioe])$/.exec(name.toLowerCase());
  if (field !== null) {
    const fieldName = field[1] as string;
    switch (field[2]) {
      case "i":
        return (record) => escaped(record.requestField(fieldName) ?? "-");
      case "o":
        return (record) => escaped(record.responseField(fieldName) ?? "-");
      default:
        return (record) => escaped(environVariable(record.environ(), fieldName) ?? "-");
    }
  }
  return (Object.hasOwn(ATOMS, name) ? ATOMS[name] : undefined) ?? (() => "-");
}

function environVariable(environ: ReadonlyMap<string, string>, lowerCaseName: string): string | undefined {
  for (const [key, value] of environ) if (key.toLowerCase() === lowerCaseName) return value;
  return undefined;
}

/**
 * Which successful requests `access_log_exclude` keeps out of the log: paths, and beginnings of paths that end in `*`. An
 * answer of 400 or more is logged all the same: a health check that fails is what one wants to read about. Null when the
 * list is empty.
 */
export function compileAccessLogExclude(
  entries: readonly string[],
): ((record: AccessRecord) => boolean) | null {
  if (entries.length === 0) return null;
  const paths = new Set(entries.filter((entry) => !entry.endsWith("*")));
  const beginnings = entries.filter((entry) => entry.endsWith("*")).map((entry) => entry.slice(0, -1));
  return ({ status, path }) =>
    status < 400 && (paths.has(path) || beginnings.some((beginning) => path.startsWith(beginning)));
}

const UNSAFE = /["\\\x00-\x1f\x7f-\uffff]/g;

function escaped(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** As bytes, like everything else that a client sent. */
function basicUserBytes(authorization: string | undefined): string | undefined {
  const user = maybeBasicUser(authorization);
  return user === undefined ? undefined : Buffer.from(user).toString("latin1");
}
