/**
 * The stacks that workers write into their file of the run directory (python/tunicorn/request_timeout.py), to be put into
 * the error log as one block.
 *
 * Runs in: arbiter.
 */
import { readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { stacksFile } from "../queue/layout.ts";

/** What the worker has written since the last call; "" for nothing. */
export function takeStacks(runDirectory: string, age: number): string {
  const path = join(runDirectory, stacksFile(age));
  try {
    const text = readFileSync(path, "utf8").trimEnd();
    if (text !== "") truncateSync(path); // it appends, so this takes away only what was written
    return text;
  } catch {
    return ""; // it has not come so far as to make the file
  }
}

export function removeStacks(runDirectory: string, age: number): void {
  rmSync(join(runDirectory, stacksFile(age)), { force: true });
}
