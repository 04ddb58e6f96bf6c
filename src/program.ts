/**
 * argv → settings → arbiter.
 *
 * Runs in: arbiter.
 */
import { checkConfiguration } from "./arbiter/check.ts";
import { readSettings } from "./arbiter/reading.ts";
import { startArbiter } from "./arbiter/start.ts";
import { beginLoading } from "./settings/load.ts";
import { connectWith, needsConnecting } from "./systemd/notify.ts";

const argv = process.argv.slice(2);
const request = {
  argv,
  env: { ...process.env },
  cwd: process.cwd(),
  ...(process.stdout.columns > 0 ? { columns: process.stdout.columns } : {}),
};

if (needsConnecting) {
  const python = maybePython();
  // A mistake in the settings is told below, and nobody has to be notified of anything.
  if (python !== undefined) connectWith(python);
}
const reading = await readSettings(request);
if (reading.kind === "exit") {
  process.stdout.write(reading.stdout);
  process.stderr.write(reading.stderr);
  process.exitCode = reading.code;
} else if (reading.loaded.settings.check_config || reading.loaded.settings.print_config) {
  process.exitCode = await checkConfiguration(reading, argv);
} else {
  await startArbiter(reading, argv, (onReader) => readSettings(request, onReader));
}

function maybePython(): string | undefined {
  const begun = beginLoading(request);
  if (begun.kind === "exit") return undefined;
  if (begun.file?.kind === "python") return begun.file.python;
  const loaded = begun.finish([]);
  return loaded.kind === "run" ? loaded.resolved.python : undefined;
}
