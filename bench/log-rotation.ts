/**
 * 100 MB of access log, renamed and opened again by USR1 every 100 ms: no line may be lost or torn. The test suite does the
 * same with less (test/server/logs.test.ts).
 *
 *   node bench/log-rotation.ts [MEGABYTES [INTERVAL_MS]]
 */
import { join } from "node:path";
import { checkLines, rotationWords, writeAndRotate } from "../test/server/support/rotation.ts";
import { cleanUp, Running, temporaryDirectory } from "../test/support/programs.ts";

const [megabytes = "100", interval = "100"] = process.argv.slice(2);
const directory = temporaryDirectory();
const cwd = join(import.meta.dirname, "../test/server/apps");
const words = ["--bind", "127.0.0.1:0", "--workers", "2", ...rotationWords(directory), "basics"];
const server = new Running("tunicorn", words, { cwd });
const { requests, rotations } = await writeAndRotate({
  address: await server.address(),
  directory,
  bytes: Number(megabytes) * 1e6,
  intervalMs: Number(interval),
  reopen: () => server.signal("SIGUSR1"),
});
await server.stop();
const files = checkLines(directory, requests);
await cleanUp();
process.stdout.write(
  `${requests} requests, ${rotations} rotations, ${files} files: every line once and whole\n`,
);
