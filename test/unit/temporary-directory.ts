/**
 * A directory of a test file's own, removed when its tests are over.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "tunicorn-test-"));
  after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
