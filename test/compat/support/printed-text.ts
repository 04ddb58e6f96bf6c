/**
 * Makes what the two programs print comparable: times, process ids, ports, names and versions go, and of a traceback the
 * frames that are not the application's, because how a server calls it is its own affair.
 */
import { APPS } from "../../support/programs.ts";

/** Of a line of the error log. */
const HEAD = /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[(?<pid>\d+)\] /;
const FRAME = /^ +File "(?<path>[^"]*)", line \d+/;
const INDENTED = /^ {4,}/;
const NAME_AND_VERSION = /\b[gt]unicorn(?: \(?(?:version )?(\d+\.\d+\.\d+)\)?)?(?=\W|$)/g;
/** A line that says again what the exception in the line before has said. */
const REPEATED_MESSAGE = /^([\w.]+: (.+))\n\2.*$/gm;
const EARLIER_EXCEPTION =
  /^Traceback \(most recent call last\):\n(?:(?!Traceback ).*\n)*\n(?:During handling of|The above exception).*\n\n/gm;

export function comparableLog(lines: readonly string[]): string {
  return withoutServerFrames(lines.map(withoutTimes)).join("\n");
}

/** As `comparableLog`, and the program says neither its name nor its version. */
export function comparableOutput(text: string): string {
  return withoutEarlierExceptions(
    comparableLog(text.split("\n")).split("\n").map(withoutNames).join("\n"),
  ).replaceAll(REPEATED_MESSAGE, "$1\n(the message again)");
}

function withoutNames(line: string): string {
  return line
    .replaceAll(NAME_AND_VERSION, (_, version?: string) =>
      version === undefined ? "PROGRAM" : "PROGRAM VERSION",
    )
    .replaceAll(/(?<=(127\.0\.0\.1|\[::1\]):)\d+/g, "PORT")
    .replaceAll(/\b\d+\.\d{3}s\b/g, "SECONDS");
}

/** Of exceptions one after the other the last stays, because the traceback of the others is the server's. */
function withoutEarlierExceptions(text: string): string {
  return text.replaceAll(EARLIER_EXCEPTION, "(an exception before)\n");
}

/** A line of the error log becomes `[LEVEL] message`. */
function withoutTimes(line: string): string {
  return line
    .replace(HEAD, "")
    .replaceAll(/(?<=\bpid: ?)\d+/g, "PID")
    .replace(/(?<=Listening at: .*\()\d+(?=\)$)/, "PID");
}

/** Only the frames of the test's applications stay. */
function withoutServerFrames(lines: readonly string[]): readonly string[] {
  let isDropping = false;
  return lines.flatMap((line) => {
    const path = FRAME.exec(line)?.groups?.path;
    if (path !== undefined) isDropping = !path.startsWith(APPS);
    else if (!INDENTED.test(line)) isDropping = false;
    return isDropping ? [] : [line.replaceAll(APPS, "APPS")];
  });
}

/** A line of the error log, and who has written it. Lines without a head, such as a traceback's, follow one that has. */
export interface SpokenLine {
  readonly speaker: string;
  readonly text: string;
}

/** The processes are called arbiter, worker 1, worker 2 in the order in which they boot, and other. */
export function spokenLines(text: string, arbiter: number): readonly SpokenLine[] {
  const names = new Map([[String(arbiter), "arbiter"]]);
  for (const [, pid = ""] of text.matchAll(/Booting worker with pid: (\d+)/g))
    names.set(pid, `worker ${names.size}`);
  const name = (pid: string): string => names.get(pid) ?? "other";
  let speaker = "other";
  return withoutServerFrames(text.trimEnd().split("\n")).map((line) => {
    const pid = HEAD.exec(line)?.groups?.pid;
    if (pid !== undefined) speaker = name(pid);
    const named = line.replaceAll(/(?<=\bpid: ?|Listening at: .*\()\d+/g, name);
    return { speaker, text: withoutNames(withoutTimes(named)) };
  });
}
