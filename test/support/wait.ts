/**
 * Waiting for what happens. A wait that takes too long fails; none takes a fixed time.
 */
import { existsSync, readFileSync } from "node:fs";

const PATIENCE_MS = 30_000;

export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not so within ${patienceMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The content of a file, once it has some. */
export async function fileAppears(path: string): Promise<string> {
  await eventually(() => existsSync(path) && readFileSync(path, "utf8") !== "");
  return readFileSync(path, "utf8");
}
