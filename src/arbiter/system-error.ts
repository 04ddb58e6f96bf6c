/**
 * The system's errors in Python's words, which are what operators of Gunicorn know and look for.
 *
 * Runs in: arbiter.
 */
import { util } from "../logging/untouched-streams.ts";

export interface SystemError {
  readonly errno: number;
  /** EADDRINUSE and the like. */
  readonly code: string;
  /** The C library's text. */
  readonly text: string;
}

/** libuv's texts are the C library's but for the capital, and but for these. */
const TEXTS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: "Cannot assign requested address",
  EISDIR: "Is a directory",
  ENOTSOCK: "Socket operation on non-socket",
};

const CLASSES: Readonly<Record<string, string>> = {
  EACCES: "PermissionError",
  EEXIST: "FileExistsError",
  EISDIR: "IsADirectoryError",
  ENOENT: "FileNotFoundError",
  ENOTDIR: "NotADirectoryError",
  EPERM: "PermissionError",
};

/** `errno` is negative, as libuv returns it. */
export function systemError(errno: number): SystemError {
  const [code, text] = util.getSystemErrorMap().get(errno) ?? ["EUNKNOWN", "unknown error"];
  return { errno: -errno, code, text: TEXTS[code] ?? `${text.charAt(0).toUpperCase()}${text.slice(1)}` };
}

/** Of an error that Node has thrown; undefined when it is not the system's. */
export function maybeSystemError(error: unknown): SystemError | undefined {
  const errno = (error as NodeJS.ErrnoException).errno;
  return typeof errno === "number" ? systemError(errno) : undefined;
}

/** `FileNotFoundError(2, 'No such file or directory')` */
export function pythonRepresentation({ errno, code, text }: SystemError): string {
  return `${CLASSES[code] ?? "OSError"}(${errno}, '${text}')`;
}
