/**
 * Loads the wire vectors of test/vectors/http1; their format is described in the README there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { DEFAULT_HEAD_RULES, type HeadRules } from "../../../../src/gateway/http1/request-head.ts";

export interface Vector<Expected> {
  readonly name: string;
  readonly bytes: Buffer;
  readonly rules: HeadRules;
  readonly expected: Expected;
}

const DIRECTORY = new URL("../../../vectors/http1/", import.meta.url);

export function loadVectors<Expected>(kind: "accept" | "reject"): Vector<Expected>[] {
  const directory = new URL(`${kind}/`, DIRECTORY);
  const names = readdirSync(directory).filter((file) => file.endsWith(".http"));
  return names.map((file) => {
    const name = file.slice(0, -".http".length);
    const expected = JSON.parse(readFileSync(new URL(`${name}.json`, directory), "utf8")) as Expected;
    return { name, expected, ...parseVector(readFileSync(new URL(file, directory), "utf8")) };
  });
}

export function parseVector(text: string): { bytes: Buffer; rules: HeadRules } {
  const rules: Record<string, unknown> = { ...DEFAULT_HEAD_RULES };
  let data = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const rule = /^@ (\w+) = (\w+)$/.exec(line);
    if (rule === null) data += decode(line);
    else setRule(rules, rule[1] as string, JSON.parse(rule[2] as string));
  }
  return { bytes: Buffer.from(data, "latin1"), rules: rules as unknown as HeadRules };
}

function setRule(rules: Record<string, unknown>, name: string, value: unknown): void {
  if (typeof rules[name] !== typeof value) throw new Error(`no rule ${name} of this type`);
  rules[name] = value;
}

const NAMED: Readonly<Record<string, string>> = { "\\r": "\r", "\\n": "\n", "\\t": "\t", "\\\\": "\\" };

function decode(line: string): string {
  return line.replace(/\\(?:x([0-9a-f]{2})|\{(\d+) \* (.)\}|.|$)/g, (escaped, hex, times, character) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (times !== undefined) return String(character).repeat(Number(times));
    const named = NAMED[escaped];
    if (named === undefined) throw new Error(`unknown escape ${escaped}`);
    return named;
  });
}
