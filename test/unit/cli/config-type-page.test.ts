import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { configType } from "../../../src/cli/config-type-page.ts";

it("the type of tunicorn.config.ts is what the table says; after a change: node src/cli/config-type-page.ts > src/settings/tunicorn-config.ts", () => {
  const file = new URL("../../../src/settings/tunicorn-config.ts", import.meta.url);
  assert.equal(readFileSync(file, "utf8"), configType());
});
