/**
 * argv → settings → arbiter.
 *
 * Runs in: arbiter.
 */
import { startArbiter } from "./arbiter/start.ts";
import { loadSettings } from "./settings/load.ts";

const argv = process.argv.slice(2);
const request = {
  argv,
  env: { ...process.env },
  cwd: process.cwd(),
  ...(process.stdout.columns > 0 ? { columns: process.stdout.columns } : {}),
};

const loaded = loadSettings(request);
if (loaded.kind === "exit") {
  process.stdout.write(loaded.stdout);
  process.stderr.write(loaded.stderr);
  process.exitCode = loaded.code;
} else {
  await startArbiter(loaded, argv, () => loadSettings(request));
}
