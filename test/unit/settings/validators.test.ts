import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  headerMap,
  http2Cleartext,
  httpProtocols,
  proxyProtocol,
  reloadEngine,
} from "../../../src/settings/choices.ts";
import * as places from "../../../src/settings/places.ts";
import type { Validator } from "../../../src/settings/setting.ts";
import * as validators from "../../../src/settings/validators.ts";
import { ROOT } from "./request.ts";

interface Cases {
  readonly takes: readonly (readonly [raw: unknown, value: unknown])[];
  readonly refuses: readonly (readonly [raw: unknown, message: string])[];
}

const NO_INT = "int() can't convert non-string with explicit base";

const VALIDATORS = {
  ...validators,
  ...places,
  headerMap,
  http2Cleartext,
  httpProtocols,
  proxyProtocol,
  reloadEngine,
};

const CASES: Readonly<Record<keyof typeof VALIDATORS, Cases>> = {
  text: {
    takes: [
      [" a ", "a"],
      ["", ""],
    ],
    refuses: [
      [3, "Not a string: 3"],
      [null, "Not a string: None"],
      [["a"], "Not a string: ['a']"],
    ],
  },
  textOrNull: {
    takes: [
      [" a ", "a"],
      [null, null],
      [undefined, null],
    ],
    refuses: [[true, "Not a string: True"]],
  },
  logPath: {
    takes: [
      [" - ", "-"],
      [null, "/dev/null"],
    ],
    refuses: [[3, "Not a string: 3"]],
  },
  gatewayCount: {
    takes: [
      [" auto ", "auto"],
      ["3", 3],
      [2, 2],
    ],
    refuses: [
      [0, "there must be a gateway: 1 or more, or auto"],
      ["many", "invalid literal for int() with base 0: 'many'"],
      [-1, "Value must be positive: -1"],
    ],
  },
  pathOrNull: {
    takes: [
      [" /up ", "/up"],
      [null, null],
    ],
    refuses: [
      ["up", "not a path that begins with /: 'up'"],
      ["/up?now", "not a path that begins with /: '/up?now'"],
      ["", "not a path that begins with /: ''"],
    ],
  },
  bindTextOrNull: {
    takes: [
      [" :9000 ", ":9000"],
      ["unix:/run/health", "unix:/run/health"],
      [null, null],
    ],
    refuses: [["host:none", "'none' is not a valid port number."]],
  },
  pathPatterns: {
    takes: [
      [
        ["/a", " /b*"],
        ["/a", "/b*"],
      ],
      ["/*", ["/*"]],
      [null, []],
    ],
    refuses: [
      ["a", "not a path that begins with / and has * at its end only: 'a'"],
      [["/a", "/*/b"], "not a path that begins with / and has * at its end only: '/*/b'"],
    ],
  },
  textList: {
    takes: [
      [
        [" a ", ""],
        ["a", ""],
      ],
      [" a ", ["a"]],
      ["", []],
      [null, []],
    ],
    refuses: [
      [["a", 3], "Not a string: 3"],
      [3, "Not a list: 3"],
    ],
  },
  commaList: {
    takes: [
      ["a, b,,c", ["a", "b", "c"]],
      ["", []],
      [null, []],
    ],
    refuses: [[["a"], "Not a string: ['a']"]],
  },
  networkList: {
    takes: [
      ["*", ["*"]],
      ["10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]],
      ["", []],
    ],
    refuses: [
      ["host", "'host' does not appear to be an IPv4 or IPv6 network"],
      ["10.0.0.1/8", "10.0.0.1/8 has host bits set"],
      [["*"], "Not a string: ['*']"],
    ],
  },
  positiveInt: {
    takes: [
      [0, 0],
      [3, 3],
      [true, 1],
      [false, 0],
      [" 0x10 ", 16],
    ],
    refuses: [
      [-1, "Value must be positive: -1"],
      ["-0x10", "Value must be positive: -16"],
      ["abc", "invalid literal for int() with base 0: 'abc'"],
      [1.5, NO_INT],
      [null, NO_INT],
      [[], NO_INT],
    ],
  },
  bool: {
    takes: [
      [true, true],
      [false, false],
      [" True", true],
      ["FALSE", false],
      [null, false],
    ],
    refuses: [
      [1, "Invalid type for casting: 1"],
      ["yes", "Invalid boolean: yes"],
    ],
  },
  textDict: {
    takes: [
      [{}, {}],
      [{ A: " b " }, { A: "b" }],
    ],
    refuses: [
      [["A"], "Value is not a dictionary: ['A'] "],
      [null, "Value is not a dictionary: None "],
      [{ A: 1 }, "Not a string: 1"],
    ],
  },
  headerMap: {
    takes: [
      [" Refuse ", "refuse"],
      ["dangerous", "dangerous"],
      [null, "drop"],
    ],
    refuses: [
      ["keep", "Invalid header map behaviour: keep"],
      [1, "Invalid type for casting: 1"],
    ],
  },
  existingPath: {
    takes: [
      [".", ROOT],
      ["", ROOT],
      [" site/../site ", join(ROOT, "site")],
      [join(ROOT, "site"), join(ROOT, "site")],
    ],
    refuses: [
      ["nope", "can't chdir to 'nope'"],
      [null, "Not a string: None"],
    ],
  },
  program: {
    takes: [
      [" python3.12 ", "python3.12"],
      ["/usr/bin/python3", "/usr/bin/python3"],
      ["bin/python3", join(ROOT, "bin/python3")],
    ],
    refuses: [
      ["", "No Python interpreter given."],
      [null, "Not a string: None"],
    ],
  },
  boolOrNull: {
    takes: [
      [null, null],
      [false, false],
      ["True", true],
    ],
    refuses: [["yes", "Invalid boolean: yes"]],
  },
  anyDict: {
    takes: [
      [
        { version: 1, handlers: { a: [] } },
        { version: 1, handlers: { a: [] } },
      ],
    ],
    refuses: [
      [null, "Value is not a dictionary: None "],
      [["a"], "Value is not a dictionary: ['a'] "],
    ],
  },
  secondsOrNull: {
    takes: [
      [null, null],
      [undefined, null],
      [0, 0],
      [2.5, 2.5],
      [" 30 ", 30],
      [".5", 0.5],
    ],
    refuses: [
      [-1, "Value must be positive: -1"],
      ["-0.5", "Value must be positive: -0.5"],
      ["soon", "Not a number of seconds: soon"],
      ["", "Not a number of seconds: "],
      ["1e3", "Not a number of seconds: 1e3"],
      [true, "Not a number of seconds: True"],
      [[], "Not a number of seconds: []"],
      [Number.NaN, "Not a number of seconds: NaN"],
    ],
  },
  byteSize: {
    takes: [
      [0, 0],
      ["0", 0],
      [4096, 4096],
      [" 4096 ", 4096],
      ["512K", 524_288],
      ["300 m", 314_572_800],
      ["2G", 2_147_483_648],
    ],
    refuses: [
      ["", "Not a size:  (write bytes, or 512K, 300M, 2G)"],
      ["-1", "Not a size: -1 (write bytes, or 512K, 300M, 2G)"],
      ["1.5G", "Not a size: 1.5G (write bytes, or 512K, 300M, 2G)"],
      ["2T", "Not a size: 2T (write bytes, or 512K, 300M, 2G)"],
      [-1, "Value must be positive: -1"],
    ],
  },
  wholeNumber: {
    takes: [
      [-3, -3],
      ["0x10", 16],
    ],
    refuses: [[1.5, NO_INT]],
  },
  proxyProtocol: {
    takes: [
      [null, "off"],
      [true, "auto"],
      [false, "off"],
      [" V1 ", "v1"],
      ["1", "auto"],
      ["none", "off"],
    ],
    refuses: [
      ["v3", "proxy_protocol must be: off, v1, v2, or auto"],
      [1, "proxy_protocol must be string or bool"],
    ],
  },
  httpProtocols: {
    takes: [
      [null, ["h1"]],
      [" , ", ["h1"]],
      ["H2, h1", ["h2", "h1"]],
    ],
    refuses: [
      ["h3", "Invalid protocol 'h3'. Valid protocols: h1, h2"],
      ["h1,h1", "Duplicate protocols specified"],
      [["h1"], "http_protocols must be a string"],
    ],
  },
  http2Cleartext: {
    takes: [
      [null, "off"],
      [true, "prior-knowledge"],
      [false, "off"],
      [" Both ", "both"],
    ],
    refuses: [
      ["On", "Invalid http2_cleartext: on"],
      [1, "Invalid type for casting: 1"],
    ],
  },
  reloadEngine: {
    takes: [["poll", "poll"]],
    refuses: [
      ["Poll", "Invalid reload_engine: 'Poll'"],
      [null, "Invalid reload_engine: None"],
    ],
  },
  filesOrPatterns: {
    takes: [
      [
        ["bin/python3", "nothing-*.html"],
        ["bin/python3", "nothing-*.html"],
      ],
      [null, []],
    ],
    refuses: [[["nope.html"], "File nope.html does not exists."]],
  },
  statsdAddress: {
    takes: [
      [null, null],
      ["Host", { kind: "tcp", host: "host", port: 8125 }],
      ["host:9", { kind: "tcp", host: "host", port: 9 }],
      ["unix:9", { kind: "tcp", host: "unix", port: 9 }],
      ["unix:///run/statsd", { kind: "unix", path: "/run/statsd" }],
    ],
    refuses: [
      ["host:x", "Value must be one of ('host:port', 'unix://PATH')"],
      [9, "Not a string: 9"],
    ],
  },
  user: {
    takes: [
      [null, process.geteuid?.()],
      [7, 7],
      ["7", 7],
      ["root", 0],
    ],
    refuses: [["no such user", "No such user: 'no such user'"]],
  },
  group: {
    takes: [
      [null, process.getegid?.()],
      [7, 7],
      ["7", 7],
      [true, 1],
    ],
    refuses: [["no such group", "No such group: 'no such group'"]],
  },
  controlSocket: {
    takes: [
      [null, "/.gunicorn/gunicorn.ctl"],
      ["run/ctl", "run/ctl"],
    ],
    refuses: [[3, "Not a string: 3"]],
  },
};

const cases = new Map(Object.entries(CASES));
const ORIGIN = { env: {}, cwd: ROOT };

for (const [name, validate] of Object.entries<Validator<unknown>>(VALIDATORS)) {
  const { takes, refuses } = cases.get(name) ?? assert.fail(`${name} has no cases`);

  describe(`the validator ${name}`, () => {
    for (const [raw, value] of takes) {
      it(`takes ${JSON.stringify(raw)}`, () => assert.deepEqual(validate(raw, ORIGIN), value));
    }
    for (const [raw, message] of refuses) {
      it(`refuses ${JSON.stringify(raw)}`, () => {
        assert.throws(() => validate(raw, ORIGIN), { name: "SettingsError", message });
      });
    }
  });
}

describe("the launch directory", () => {
  const link = join(ROOT, "link");
  const other = join(ROOT, "other");
  mkdirSync(other);
  symlinkSync(ROOT, link);

  it("keeps the symbolic link that PWD went through", () => {
    assert.equal(validators.existingPath("site", { env: { PWD: link }, cwd: ROOT }), join(link, "site"));
  });

  it("does not believe a PWD that is another directory", () => {
    assert.equal(validators.existingPath(".", { env: { PWD: other }, cwd: ROOT }), ROOT);
  });

  it("does not believe a PWD that does not exist", () => {
    assert.equal(validators.existingPath(".", { env: { PWD: join(ROOT, "gone") }, cwd: ROOT }), ROOT);
  });
});
