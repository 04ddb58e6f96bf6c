/**
 * A file system that is soon full: a tmpfs of its own, where the tests may mount one.
 */
import { spawnSync } from "node:child_process";
import { temporaryDirectory } from "../../support/programs.ts";

/** Why there is none; false when there can be one. */
export const NO_SMALL_DISK: string | false = canMount() ? false : "needs the right to mount a tmpfs";

const mounted: string[] = [];

/** Its directory. To be unmounted by `unmountAll` before the temporary directories are removed. */
export function smallDisk(size: string): string {
  const directory = temporaryDirectory();
  if (!mount(directory, size)) throw new Error(`cannot mount a tmpfs on ${directory}`);
  mounted.push(directory);
  return directory;
}

/** For `after`, before `cleanUp`. */
export function unmountAll(): void {
  // Lazily: a process that a failed test has left may still use it.
  for (const directory of mounted.splice(0)) spawnSync("umount", ["--lazy", directory]);
}

function mount(directory: string, size: string): boolean {
  const options = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", directory];
  return spawnSync("mount", options, { stdio: "ignore" }).status === 0;
}

function canMount(): boolean {
  const directory = temporaryDirectory();
  return mount(directory, "64k") && spawnSync("umount", [directory]).status === 0;
}
