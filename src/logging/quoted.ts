/**
 * Text of a client in a line for the operator: cut, and without a character that could forge or break a line.
 *
 * Rules: the same in python/tunicorn/quoted.py. The access log has rules of its own (access-log.ts): its lines are not cut.
 *
 * Runs in: arbiter, gateway.
 */

/** Characters; what is longer ends in `…`. */
const MAX_LENGTH = 200;

/** Control characters, line separators, what has no shape of its own or changes the direction of what follows. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `text` is latin-1 as it came from the client, or any message that contains such text. */
export function quoted(text: string): string {
  // One more than is kept, so that the second cut sees that the first one was made.
  const spelled = text.slice(0, MAX_LENGTH + 1).replace(UNSAFE, escaped);
  return spelled.length > MAX_LENGTH ? `${spelled.slice(0, MAX_LENGTH)}…` : spelled;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");
