/**
 * Tunicorn's version: read from package.json, the one place that states it.
 *
 * Runs in: arbiter, gateway.
 */
import { readFileSync } from "node:fs";

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    return String(manifest.version);
  }
  throw new Error("package.json states no version");
}

export const VERSION = readVersion();
