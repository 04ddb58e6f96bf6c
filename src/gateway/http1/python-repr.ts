/**
 * How Python spells a string or bytes in an error message (`%r`). Gunicorn's messages quote what the client
 * sent this way, and people grep for them.
 *
 * Rules: texts are latin-1 (one character per byte), as Gunicorn decodes a head.
 *
 * Runs in: gateway.
 */

const NAMED_ESCAPES = new Map([
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x5c, "\\\\"],
]);

/** Python's choice: single quotes, unless only double quotes spare an escape. */
function quoteFor(text: string): string {
  return text.includes("'") && !text.includes('"') ? '"' : "'";
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, "0")}`;
}

function isPrintableAscii(code: number): boolean {
  return code >= 0x20 && code < 0x7f;
}

/** What str.isprintable() says of U+0000 to U+00FF: the no-break space and the soft hyphen are not. */
function isPrintable(code: number): boolean {
  return isPrintableAscii(code) || (code > 0xa0 && code !== 0xad);
}

function quoted(text: string, printable: (code: number) => boolean): string {
  const quote = quoteFor(text);
  let spelled = quote;
  for (const character of text) {
    const code = character.charCodeAt(0);
    const named = NAMED_ESCAPES.get(code);
    if (named !== undefined) spelled += named;
    else if (character === quote) spelled += `\\${quote}`;
    else spelled += printable(code) ? character : hexEscape(code);
  }
  return spelled + quote;
}

/** `repr()` of a str. */
export function reprText(text: string): string {
  return quoted(text, isPrintable);
}

/** `repr()` of a bytes object, given as latin-1 text. */
export function reprBytes(latin1: string): string {
  return `b${quoted(latin1, isPrintableAscii)}`;
}
