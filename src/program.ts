/**
 * argv → settings → arbiter.
 *
 * Runs in: arbiter.
 */
import "./logging/untouched-streams.ts";

import { checkConfiguration } from "./arbiter/check.ts";
import { readSettings } from "./arbiter/reading.ts";
import { startArbiter } from "./arbiter/start.ts";
import type { Exit } from "./cli/parser.ts";
import { becomeInit, needsInit } from "./init.ts";
import { useNativeStreams } from "./logging/untouched-streams.ts";
import { beginLoading } from "./settings/load.ts";
import { connectWith, needsConnecting } from "./systemd/notify.ts";

const argv = process.argv.slice(2);
const request = { argv, env: { ...process.env }, cwd: process.cwd() };

if (needsInit) {
  const python = maybePython();
  if (python !== undefined) becomeInit(python);
}
if (needsConnecting) {
  const python = maybePython();
  // A mistake in the settings is told below, and nobody has to be notified of anything.
  if (python !== undefined) connectWith(python);
}
const reading = await readSettings(request);
if (reading.kind === "exit") {
  useNativeStreams();
  const { stdout, stderr, code } = wrapped(reading);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = code;
} else if (reading.loaded.settings.check_config || reading.loaded.settings.print_config) {
  useNativeStreams();
  process.exitCode = await checkConfiguration(reading, argv);
} else {
  await startArbiter(reading, argv, (onReader) => readSettings(request, onReader));
}

/** Help and usage as wide as the terminal, which only a process that does not serve may ask for its width. */
function wrapped(told: Exit): Exit {
  const { columns } = process.stdout;
  const again = columns > 0 ? beginLoading({ ...request, columns }) : told;
  return again.kind === "exit" ? again : told;
}

function maybePython(): string | undefined {
  const begun = beginLoading(request);
  if (begun.kind === "exit") return undefined;
  if (begun.file?.kind === "python") return begun.file.python;
  const loaded = begun.finish([]);
  return loaded.kind === "run" ? loaded.resolved.python : undefined;
}
