/**
 * Containers may share a directory for temporary files and still have pids of their own: so names there say whose pid is meant.
 *
 * Runs in: arbiter, tunicornctl.
 */
import { readlinkSync } from "node:fs";

/** "0" where there are no namespaces. */
export function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "0"; // no Linux, no namespaces
  }
}
