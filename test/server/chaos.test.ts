/**
 * A moment of the chaos suite (test/chaos/round.ts, which has its promises): some of the faults that take no long time. `npm run chaos`
 * has all, and goes on for as long as one likes.
 */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { FAULTS } from "../chaos/faults.ts";
import { runRound } from "../chaos/round.ts";
import { cleanUp } from "../support/programs.ts";
import { NO_SMALL_DISK, smallDisk, unmountAll } from "./support/small-disk.ts";

after(async () => {
  unmountAll();
  await cleanUp();
});

const STEPS = 6;
const QUICK = FAULTS.filter(({ isSlow }) => isSlow !== true);

describe("while processes are killed, settings change and disks fill up, every promise is kept:", () => {
  for (const [name, seed, threads] of [
    ["sync workers", 1, 1],
    ["workers with threads", 2, 4],
  ] as const) {
    it(name, async () => {
      // The seed says which come; the two together have most of them.
      const { violations, steps, log, asked } = await runRound({
        seed,
        threads,
        faults: QUICK,
        disk: NO_SMALL_DISK === false ? smallDisk("48m") : null,
        goesOn: (nr) => nr < STEPS,
      });
      assert.deepEqual(violations, [], `seed ${seed}:\n${steps.join("\n")}\nlog:\n${log}`);
      assert.ok(asked > 500, `only ${asked} requests`);
    });
  }
});
