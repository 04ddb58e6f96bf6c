/**
 * Puts another function in the place of one of `node:fs`, also for sources that have imported it by name.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

type FsFunction = "ftruncate" | "unlink" | "write" | "writeSync";

/** Until the end of the test, or until the function that is returned is called. */
export function replaceFs(
  t: TestContext,
  name: FsFunction,
  replacement: (...args: never[]) => unknown,
): () => void {
  const { mock } = t.mock.method(fs, name, replacement as never);
  syncBuiltinESMExports();
  const restore = (): void => {
    mock.restore();
    syncBuiltinESMExports();
  };
  t.after(restore);
  return restore;
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: so says the test`), { code });
}
