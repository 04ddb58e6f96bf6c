/**
 * argv → settings → arbiter.
 *
 * Runs in: arbiter.
 */
import { checkConfiguration } from "./arbiter/check.ts";
import { readSettings } from "./arbiter/reading.ts";
import { startArbiter } from "./arbiter/start.ts";

const argv = process.argv.slice(2);
const request = {
  argv,
  env: { ...process.env },
  cwd: process.cwd(),
  ...(process.stdout.columns > 0 ? { columns: process.stdout.columns } : {}),
};

const reading = await readSettings(request);
if (reading.kind === "exit") {
  process.stdout.write(reading.stdout);
  process.stderr.write(reading.stderr);
  process.exitCode = reading.code;
} else if (reading.loaded.settings.check_config || reading.loaded.settings.print_config) {
  process.exitCode = await checkConfiguration(reading, argv);
} else {
  await startArbiter(reading, argv, (onZygote) => readSettings(request, onZygote));
}
