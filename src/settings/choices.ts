/**
 * Validators of settings that take one of some words. The texts of the errors are Gunicorn's.
 *
 * Runs in: arbiter.
 */
import { pythonRepr, pythonStr } from "./python-text.ts";
import type { Origin, Validator } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

/** The text for what is no text. */
export const CASTING = (raw: unknown): string => `Invalid type for casting: ${pythonStr(raw)}`;

/** One of some words, in any case; None is the first. The texts are those for what is no text, and no such word (as it was compared, as it was given). */
export function choice<Word extends string>(
  words: readonly [Word, ...Word[]],
  noText: (raw: unknown) => string,
  noWord: (word: string, raw: string) => string,
): Validator<Word> {
  return (raw) => {
    if (raw === null || raw === undefined) return words[0];
    if (typeof raw !== "string") throw new SettingsError(noText(raw));
    const word = raw.toLowerCase().trim();
    const known = words.find((each) => each === word);
    if (known === undefined) throw new SettingsError(noWord(word, raw));
    return known;
  };
}

export type HeaderMap = "drop" | "refuse" | "dangerous";
export const headerMap: Validator<HeaderMap> = choice(
  ["drop", "refuse", "dangerous"],
  CASTING,
  (_, raw) => `Invalid header map behaviour: ${raw}`,
);

/** In lower case; empty for none. */
export const realIpHeader = choice(
  ["", "x-forwarded-for", "forwarded"],
  CASTING,
  (raw) => `real_ip_header must be X-Forwarded-For or Forwarded, not ${pythonRepr(raw)}`,
);

const PROXY_PROTOCOLS: Readonly<Record<string, "off" | "v1" | "v2" | "auto">> = {
  false: "off",
  off: "off",
  "0": "off",
  none: "off",
  true: "auto",
  auto: "auto",
  "1": "auto",
  v1: "v1",
  v2: "v2",
};

export function proxyProtocol(raw: unknown): "off" | "v1" | "v2" | "auto" {
  if (raw === null || raw === undefined) return "off";
  if (typeof raw === "boolean") return raw ? "auto" : "off";
  if (typeof raw !== "string") throw new SettingsError("proxy_protocol must be string or bool");
  const known = PROXY_PROTOCOLS[raw.toLowerCase().trim()];
  if (known === undefined) throw new SettingsError("proxy_protocol must be: off, v1, v2, or auto");
  return known;
}

const HTTP_PROTOCOLS = ["h1", "h2"];

export function httpProtocols(raw: unknown): readonly string[] {
  if (raw === null || raw === undefined) return ["h1"];
  if (typeof raw !== "string") throw new SettingsError("http_protocols must be a string");
  const protocols = raw
    .split(",")
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== "");
  if (protocols.length === 0) return ["h1"];
  const unknown = protocols.find((protocol) => !HTTP_PROTOCOLS.includes(protocol));
  if (unknown !== undefined) {
    throw new SettingsError(`Invalid protocol '${unknown}'. Valid protocols: ${HTTP_PROTOCOLS.join(", ")}`);
  }
  if (new Set(protocols).size < protocols.length) throw new SettingsError("Duplicate protocols specified");
  return protocols;
}

const chooseCleartext = choice(
  ["off", "prior-knowledge", "upgrade", "both"],
  CASTING,
  (word) => `Invalid http2_cleartext: ${word}`,
);

export function http2Cleartext(raw: unknown, origin: Origin): string {
  if (typeof raw === "boolean") return raw ? "prior-knowledge" : "off";
  return chooseCleartext(raw, origin);
}

export function reloadEngine(raw: unknown): "auto" | "poll" | "inotify" {
  if (raw === "auto" || raw === "poll" || raw === "inotify") return raw;
  throw new SettingsError(`Invalid reload_engine: ${pythonRepr(raw)}`);
}
