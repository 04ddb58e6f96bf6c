/**
 * Process 1 of a container. The system makes it the parent of every process whose own has ended, for instance of what an
 * application has started by forking twice, and expects it to reap them. Node does not: it waits for its own children only.
 * So where the program is started as process 1 it becomes Python, which starts it again as its child
 * (python/tunicorn/init.py). Everywhere else this costs one comparison.
 *
 * Runs in: what becomes the arbiter.
 */
import { pythonFile } from "./installation.ts";

const INIT = pythonFile("init.py");

/** Whether `becomeInit` has to be called. */
export const needsInit = process.pid === 1;

/** Starts this program again as the child of this process. Returns when that is not possible. */
export function becomeInit(python: string): void {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(python, [python, "-I", "-S", INIT, ...again], process.env);
}
