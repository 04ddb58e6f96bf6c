/** What an editor takes and refuses in tunicorn.config.ts: most of it is checked by the compiler, which reads this file too. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { defineConfig, type TunicornConfig } from "../../../src/index.ts";

const take = (_config: TunicornConfig): void => {};

it("defineConfig returns what it is given: an object, a promise, or a function", async () => {
  const config = { workers: 4, bind: ["127.0.0.1:8000", "unix:/run/app"], max_worker_memory: "300M" };
  assert.equal(defineConfig(config), config);
  assert.deepEqual(await defineConfig(Promise.resolve({ threads: 2 })), { threads: 2 });
  assert.deepEqual(await defineConfig(async () => ({ reload: true }))(), { reload: true });
});

it("an editor refuses names that are no settings, and values of other types", () => {
  take({
    bind: "127.0.0.1:8000",
    gateways: "auto",
    reload_engine: "poll",
    secure_scheme_headers: { X: "y" },
  });
  take({ workers: undefined, accesslog: null, user: "www-data", group: 33 });
  // @ts-expect-error: a number
  take({ workers: "four" });
  // @ts-expect-error: true or false
  take({ preload_app: "yes" });
  // @ts-expect-error: one of three
  take({ reload_engine: "magic" });
  // @ts-expect-error: a function of Python
  take({ post_fork: () => {} });
  // @ts-expect-error: texts
  take({ bind: [8000] });
  const misspelled = { wokers: 4 } as const;
  // @ts-expect-error: no property in common
  take(misspelled);
});
