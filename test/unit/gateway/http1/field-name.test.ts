import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  HOST,
  internFieldName,
  MAX_SPELLINGS,
  SCRIPT_NAME,
  X_FORWARDED_FOR,
} from "../../../../src/gateway/http1/field-name.ts";

test("every spelling of a name is the same object", () => {
  assert.equal(internFieldName("Host"), HOST);
  assert.equal(internFieldName("hOsT"), HOST);
  assert.equal(internFieldName("X-Seldom"), internFieldName("x-sELDOM"));
});

test("a name has its environ key", () => {
  assert.equal(HOST.environKey, "HTTP_HOST");
  assert.equal(X_FORWARDED_FOR.environKey, "HTTP_X_FORWARDED_FOR");
  assert.equal(CONTENT_TYPE.environKey, "CONTENT_TYPE");
  assert.equal(CONTENT_LENGTH.environKey, "CONTENT_LENGTH");
});

test("an underscore is noted, because it shares the key with the hyphen", () => {
  const underscored = internFieldName("Content_Length");
  assert.equal(underscored.environKey, "HTTP_CONTENT_LENGTH");
  assert.equal(underscored.hasUnderscore, true);
  assert.notEqual(underscored, CONTENT_LENGTH);
  assert.equal(SCRIPT_NAME.hasUnderscore, true);
  assert.equal(HOST.hasUnderscore, false);
});

test("ids are dense and different", () => {
  const first = internFieldName("X-Dense-1");
  const second = internFieldName("X-Dense-2");
  assert.equal(second.id, first.id + 1);
});

test("a very long name is not kept", () => {
  const name = internFieldName(`X-${"a".repeat(100)}`);
  assert.equal(name.id, -1);
  assert.equal(name.lower.length, 102);
});

// The last one: it fills the table of this process.
test("a client that invents names does not grow the table, nor hide a well-known name", () => {
  const ids = new Set<number>();
  for (let nr = 0; nr < 3 * MAX_SPELLINGS; nr++) ids.add(internFieldName(`X-Invented-${nr}`).id);
  assert.ok(ids.has(-1));
  assert.ok(Math.max(...ids) < MAX_SPELLINGS);

  const unknown = internFieldName("X-Too-Late");
  assert.deepEqual(unknown, {
    lower: "x-too-late",
    environKey: "HTTP_X_TOO_LATE",
    id: -1,
    hasUnderscore: false,
  });
  assert.equal(internFieldName("HOst"), HOST);
  assert.equal(internFieldName("cOnTeNt-LeNgTh"), CONTENT_LENGTH);
});
