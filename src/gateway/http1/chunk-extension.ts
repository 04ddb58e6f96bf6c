/**
 * The extensions on a chunk size line (RFC 9112 section 7.1.1): checked, because a reader in front of us may
 * see the end of the line elsewhere; not used.
 *
 *   chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
 *
 * Rules: nothing after the last value, no bare CR or LF, also not inside quotes.
 *
 * Runs in: gateway.
 */
import { BACKSLASH, CR, DQUOTE, EQUALS, FIELD_VALUE, isBlank, QDTEXT, SEMICOLON, TCHAR } from "./grammar.ts";
import { invalidChunkExtension } from "./protocol-error.ts";

/** `text` is the line from its first `;` on, as latin-1 text. Throws ProtocolError. */
export function checkChunkExtensions(text: string): void {
  if (text.includes(String.fromCharCode(CR))) throw invalidChunkExtension("bare CR not allowed");
  let at = 0;
  while (at < text.length) {
    at = skipExtension(text, at);
    if (at < 0) throw invalidChunkExtension("invalid chunk extension");
  }
}

/** Where the extension that starts at `start` ends, or -1. */
function skipExtension(text: string, start: number): number {
  const semicolon = skipBlanks(text, start);
  if (text.charCodeAt(semicolon) !== SEMICOLON) return -1;
  const name = skipBlanks(text, semicolon + 1);
  const nameEnd = skipToken(text, name);
  if (nameEnd === name) return -1;
  const equals = skipBlanks(text, nameEnd);
  return text.charCodeAt(equals) === EQUALS ? skipValue(text, skipBlanks(text, equals + 1)) : nameEnd;
}

function skipValue(text: string, start: number): number {
  if (text.charCodeAt(start) === DQUOTE) return skipQuotedString(text, start);
  const end = skipToken(text, start);
  return end === start ? -1 : end;
}

function skipQuotedString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === DQUOTE) return at + 1;
    if (code === BACKSLASH && FIELD_VALUE[text.charCodeAt(at + 1)] === 1) at += 2;
    else if (QDTEXT[code] === 1) at++;
    else return -1;
  }
  return -1;
}

function skipToken(text: string, start: number): number {
  let at = start;
  while (TCHAR[text.charCodeAt(at)] === 1) at++;
  return at;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}
