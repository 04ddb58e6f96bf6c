import assert from "node:assert/strict";
import { test } from "node:test";
import { isIpLiteral } from "../../../../src/gateway/http1/ip-literal.ts";

const LITERALS = [
  ...["::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::192.0.2.1"],
  ...["1:2:3:4:5:6:192.0.2.1", "fe80::1%eth0", "FFFF::abcd", "v1.a", "vF.:"],
];

const OTHERS = [
  ...["", "1", "192.0.2.1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "1::2::3", ":::", ":1"],
  ...["1:", "12345::", "g::", "::1.2.3", "::1.2.3.256", "::01.2.3.4", "1.2.3.4::", "fe80::1%", "::%a%b"],
  ...["v.a", "v1.", "v1", "vg.a", "%eth0"],
];

for (const text of LITERALS) test(`[${text}] is an IP literal`, () => assert.equal(isIpLiteral(text), true));
for (const text of OTHERS) test(`[${text}] is none`, () => assert.equal(isIpLiteral(text), false));
