/**
 * Puts objects of our own in the place of process.stdout and process.stderr. To be imported first by a program that serves.
 *
 * Node makes the real ones when they are first read, and then sets O_NONBLOCK on the open file, which the application
 * shares (output.ts). It reads them itself: whenever a socket is destroyed, for a warning, and when `node:util` is imported,
 * before any line of a program runs. So nothing that serves imports that; `util` below is the same.
 *
 * Runs in: arbiter, gateway.
 */
import { Writable } from "node:stream";
import { STDERR, STDOUT, type StandardFd } from "./output.ts";
import { printTo } from "./standard-streams.ts";

const NAMES = { stdout: STDOUT, stderr: STDERR } as const;

class Printed extends Writable {
  readonly fd: StandardFd;

  constructor(fd: StandardFd) {
    super({ decodeStrings: false });
    this.fd = fd;
  }

  override _write(text: string | Buffer, _encoding: BufferEncoding, callback: () => void): void {
    printTo(this.fd, String(text));
    callback();
  }
}

const native = Object.entries(NAMES).map(([name, fd]) => {
  const descriptor = Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor;
  const printed = new Printed(fd);
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => printed });
  return [name, descriptor] as const;
});

/** For a process that serves nobody: it prints something and leaves. */
export function useNativeStreams(): void {
  for (const [name, descriptor] of native) Object.defineProperty(process, name, descriptor);
}

export const util = process.getBuiltinModule("node:util");
