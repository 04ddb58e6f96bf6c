/**
 * What root does for the user of the settings, beside real Gunicorn.
 */
import { chmodSync, chownSync, copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { as, NEEDS_ROOT, NOBODY } from "../support/other-users.ts";
import { APPS, cleanUp, ofBoth, type Program, Running, temporaryDirectory } from "../support/programs.ts";
import { Differences } from "./support/differences.ts";

after(cleanUp);

describe("the user of the settings", { skip: NEEDS_ROOT }, () => {
  const differences = new Differences("identity");

  it("is given the file that a link of that user leads to by Gunicorn alone", async () => {
    const observed = await ofBoth(async (program) => ({ victim: `owner ${await victimOf(program)}` }));
    differences.compare(observed, { victim: "identity: link of the user in the place of a log file" });
  });

  it("shows every documented difference", () => differences.assertAllOccurred());
});

/** Whose root's file is once the program has started. */
async function victimOf(program: Program): Promise<number> {
  const directory = temporaryDirectory();
  const [victim, logs] = [join(directory, "victim"), join(directory, "logs")];
  writeFileSync(victim, "", { mode: 0o600 });
  mkdirSync(logs);
  chmodSync(directory, 0o755);
  copyFileSync(join(APPS, "responder.py"), join(directory, "responder.py"));
  chownSync(logs, NOBODY, NOBODY);
  as(NOBODY, "ln", "-s", victim, join(logs, "access"));
  const words = ["--user", `${NOBODY}`, "--group", `${NOBODY}`, "--access-logfile", join(logs, "access")];
  // Preloaded, and not in this checkout: in root's home both are closed to the user.
  const running = new Running(program, ["--bind", "127.0.0.1:0", "--preload", ...words, "responder"], {
    cwd: directory,
  });
  await running.address();
  const { uid } = statSync(victim);
  await running.stop();
  return uid;
}
