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

export const VERSION = readVersion();
