/**
 * Text of an instance, for a terminal: what a terminal would obey, or show in another place, is escaped.
 *
 * Pure: no I/O. Runs in: tunicornctl.
 */

/** C0 and DEL, C1, line and paragraph separators, and what changes the direction of writing. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line: `\u001b` and the like, also for line feeds. */
export function printable(text: string): string {
  return text.replace(UNSAFE, codeOf);
}

/** JSON as `JSON.stringify` makes it, which lets half of them pass; its own line feeds stay. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSAFE, (character) =>
    character === "\n" ? character : codeOf(character),
  );
}

function codeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
