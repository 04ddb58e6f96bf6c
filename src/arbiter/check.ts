/**
 * `--check-config` and `--print-config`: the settings are good, so the application is imported, and nothing is served.
 *
 * Runs in: arbiter.
 */
import { printedAsJson, printedSettings } from "../cli/print-config.ts";
import { quoted } from "../logging/quoted.ts";
import { zygoteSettings } from "./generation.ts";
import type { Reading } from "./reading.ts";
import { Zygote } from "./zygote.ts";

const START = { occasion: "start", oldWorkers: null, listeners: [] } as const;

/** Resolves with the exit code. Python writes what is wrong with the application. */
export function checkConfiguration({ loaded, zygote }: Reading, argv: readonly string[]): Promise<number> {
  const { settings, resolved } = loaded;
  if (settings.print_config) {
    process.stdout.write(settings.print_config === "json" ? printedAsJson(loaded) : printedSettings(loaded));
  }
  const checker = zygote ?? new Zygote(resolved.python, argv, resolved.launchDirectory);
  return new Promise((resolve) => {
    checker.listen({
      onReport: () => {},
      onGarbage: (line) => process.stderr.write(`Not a report of Python, ignored: ${quoted(line)}\n`),
      onGone: (reason, code) => {
        if (code === null) process.stderr.write(`\nError: Python ${resolved.python} ${reason}\n`);
        resolve(code ?? 1);
      },
    });
    checker.order({
      type: "check",
      settings: zygoteSettings(loaded, 0, { path: "", identity: null }, START),
    });
  });
}
