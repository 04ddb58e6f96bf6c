/**
 * A moment of the chaos suite (test/chaos/round.ts, which has its promises): every fault that takes no long time, once. `npm run chaos`
 * has the others, and goes on for as long as one likes.
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

const QUICK = FAULTS.filter(({ isSlow }) => isSlow !== true);

describe("while processes are killed, settings change and disks fill up, every promise is kept:", () => {
  for (const [name, seed, threads] of [
    ["sync workers", 1, 1],
    ["workers with threads", 2, 4],
  ] as const) {
    it(name, async () => {
      // Each takes half of the faults; which, the seed says.
      const { violations, steps, log, asked } = await runRound({
        seed,
        threads,
        faults: QUICK,
        disk: NO_SMALL_DISK === false ? smallDisk("48m") : null,
        goesOn: (nr) => nr < QUICK.length / 2,
      });
      assert.deepEqual(violations, [], `seed ${seed}:\n${steps.join("\n")}\nlog:\n${log}`);
      assert.ok(asked > 1000, `only ${asked} requests`);
    });
  }
});
