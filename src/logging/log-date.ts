/**
 * Dates as Gunicorn's logs spell them, in local time.
 *
 * Runs in: arbiter, gateway.
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number): string => String(value).padStart(2, "0");

/** `+0000`, `-0330` */
function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.trunc(size / 60))}${two(size % 60)}`;
}

const time = (date: Date): string =>
  `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Error log: `[2026-11-23 01:38:54 +0000]` */
export function logDate(date: Date): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `[${day} ${time(date)} ${offset(date)}]`;
}

/** Access log, `%(t)s`: `[23/Nov/2026:01:40:55 +0000]` */
export function accessLogDate(date: Date): string {
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  return `[${day}:${time(date)} ${offset(date)}]`;
}
