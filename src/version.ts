/**
 * Tunicorn's version: read from package.json, the one place that states it.
 *
 * Runs in: arbiter, gateway.
 */
import { readFileSync } from "node:fs";
import { MANIFEST } from "./installation.ts";

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(MANIFEST, "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    return String(manifest.version);
  }
  throw new Error("package.json states no version");
}

/** Of the files that this process was started from. */
export const VERSION = readVersion();

/**
 * What has become of those files, when a package manager has put others in their place or removed them: a process that is started
 * now would not understand this one. Undefined when they are as they were.
 */
export function maybeReplacement(): string | undefined {
  let version: string;
  try {
    version = readVersion();
  } catch {
    return "Tunicorn's files were removed while it runs";
  }
  if (version === VERSION) return undefined;
  return `Tunicorn's files were replaced while it runs (${VERSION} by ${version}); send USR2 to upgrade`;
}
