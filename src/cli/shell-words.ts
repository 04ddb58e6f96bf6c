/**
 * Splits a line into words as Python's `shlex.split` does, which Gunicorn applies to GUNICORN_CMD_ARGS.
 *
 * Rules: no expansion and no comments. A backslash escapes any character outside quotes, only `"` and itself
 * between double quotes, and nothing between single quotes. The npm packages that split shell words expand or
 * drop something that Python keeps.
 *
 * Runs in: arbiter.
 */
import { SettingsError } from "../settings/settings-error.ts";

/** One piece of a word: a single-quoted, double-quoted or escaped part, or plain characters. */
const PIECE = /'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>.)|(?<plain>[^ \t\r\n'"\\])/sy;
const BLANKS = /[ \t\r\n]+/y;

/** Throws SettingsError with Python's text. */
export function splitShellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let position = 0;
  while (position < line.length) {
    const blanks = matchAt(BLANKS, line, position);
    if (blanks !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      position += blanks[0].length;
      continue;
    }
    const piece = matchAt(PIECE, line, position);
    if (piece === undefined) throw unfinished(line.slice(position));
    word = (word ?? "") + unquote(piece);
    position += piece[0].length;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function matchAt(pattern: RegExp, line: string, position: number): RegExpExecArray | undefined {
  pattern.lastIndex = position;
  return pattern.exec(line) ?? undefined;
}

function unquote({ groups }: RegExpExecArray): string {
  const { single, double, escaped, plain } = groups ?? {};
  return single ?? double?.replace(/\\(["\\])/g, "$1") ?? escaped ?? plain ?? "";
}

function unfinished(rest: string): SettingsError {
  const endsInEscape = rest === "\\" || (rest.startsWith('"') && /(?<!\\)(\\\\)*\\$/.test(rest));
  return new SettingsError(endsInEscape ? "No escaped character" : "No closing quotation");
}
