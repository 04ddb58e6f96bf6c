/**
 * Colours on a terminal, by Node's rules (NO_COLOR, FORCE_COLOR, TERM). Node's `styleText` does the same, but reads
 * process.stderr (untouched-streams.ts).
 *
 * Runs in: arbiter, gateway.
 */
import { isatty, WriteStream } from "node:tty";

/** Begin and end, of ECMA-48's SGR. */
const STYLES = {
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  gray: [90, 39],
} as const;

export type Style = keyof typeof STYLES;

export function hasColours(fd: number): boolean {
  // It looks at the environment only.
  return isatty(fd) && WriteStream.prototype.getColorDepth() > 2;
}

export function painted(style: Style, text: string): string {
  const [begin, end] = STYLES[style];
  return `\x1b[${begin}m${text}\x1b[${end}m`;
}
