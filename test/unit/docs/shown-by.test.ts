/**
 * The pages that promise something name the test that shows it, as `FILE`: "part of its title". Both must exist.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";

const ROOT = resolve(import.meta.dirname, "../../..");
const SHOWN_BY = /`(test\/[^`]+)`: "([^"]+)"/g;

for (const page of ["docs/reliability.md", "docs/security.md"]) {
  describe(page, () => {
    const references = [...readFileSync(join(ROOT, page), "utf8").matchAll(SHOWN_BY)];

    it("names tests", () => {
      assert.ok(references.length > 10);
    });

    for (const [, file = "", title = ""] of references) {
      it(`names a test that exists: ${title}`, () => {
        const path = join(ROOT, file);
        assert.ok(existsSync(path), `there is no ${file}`);
        assert.ok(
          readFileSync(path, "utf8").includes(title),
          `${file} has no test with "${title}" in its title`,
        );
      });
    }
  });
}
