/**
 * Python's spelling of plain values, and its reading of whole numbers: the error texts quote values as Python
 * does, and a number that Gunicorn takes or refuses is taken or refused here.
 *
 * Rules: values are what JSON can hold; no I/O.
 *
 * Runs in: arbiter.
 */

import { PythonObject } from "./python-object.ts";

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\\": "\\\\",
};

const DECIMAL = /^[+-]?\d+(_\d+)*$/;
const WITH_PREFIX = /^[+-]?(0x(_?[0-9a-f])+|0o(_?[0-7])+|0b(_?[01])+|0(_?0)*|[1-9](_?\d)*)$/i;

/** `int(text)` or, with base 0, `int(text, 0)`; undefined where Python raises ValueError. */
export function maybePythonInt(text: string, base: 0 | 10): number | undefined {
  const trimmed = text.trim();
  if (!(base === 10 ? DECIMAL : WITH_PREFIX).test(trimmed)) return undefined;
  const digits = trimmed.replace(/^[+-]/, "").replaceAll("_", "");
  const magnitude = Number(digits);
  return trimmed.startsWith("-") && magnitude !== 0 ? -magnitude : magnitude;
}

/** The text of the ValueError of `int()`. */
export function pythonIntError(text: string, base: 0 | 10): string {
  return `invalid literal for int() with base ${base}: ${pythonRepr(text)}`;
}

/** `repr(value)`. */
export function pythonRepr(value: unknown): string {
  if (typeof value === "string") return reprText(value);
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof PythonObject) return value.text;
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (typeof value === "object") return reprDict(value);
  return String(value);
}

/** `str(value)`: like `repr`, except that a text is not quoted. */
export function pythonStr(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

function reprDict(value: object): string {
  const items = Object.entries(value).map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`);
  return `{${items.join(", ")}}`;
}

/** Single quotes, unless double quotes spare an escape. */
function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let spelled = "";
  for (const character of text) spelled += reprCharacter(character, quote);
  return quote + spelled + quote;
}

function reprCharacter(character: string, quote: string): string {
  const named = NAMED_ESCAPES[character];
  if (named !== undefined) return named;
  if (character === quote) return `\\${quote}`;
  if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
