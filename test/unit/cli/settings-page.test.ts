import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { settingsPage } from "../../../src/cli/settings-page.ts";
import { SETTINGS } from "../../../src/settings/table.ts";

describe("the reference page of the settings", () => {
  it("is what the table says; after a change: node src/cli/settings-page.ts > docs/settings.md", () => {
    const page = readFileSync(new URL("../../../docs/settings.md", import.meta.url), "utf8");
    assert.equal(page, settingsPage());
  });

  it("has an entry for every setting", () => {
    const page = settingsPage();
    for (const [name, { summary, flags = [] }] of Object.entries(SETTINGS)) {
      assert.ok(page.includes(`### \`${name}\`\n\n${summary}`), name);
      for (const flag of flags) assert.ok(page.includes(`\`${flag}`), flag);
    }
  });

  it("marks the settings that Gunicorn does not have", () => {
    const marked = settingsPage().match(/Tunicorn's own/g) ?? [];
    assert.equal(marked.length, Object.values(SETTINGS).filter(({ own }) => own).length);
  });
});
