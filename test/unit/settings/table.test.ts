import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SECTIONS, SETTINGS, type SettingName } from "../../../src/settings/table.ts";
import { loaded, ROOT, refusal, request, usageError } from "./request.ts";

/** For each setting: words that set it, what it becomes, and words that are refused. The type demands every name. */
interface Example {
  readonly words: readonly string[];
  readonly value: unknown;
  readonly default: unknown;
  readonly refused?: { readonly words: readonly string[]; readonly message: string; readonly usage?: true };
}

function int(flag: string, standard: number): Example {
  return {
    words: [flag, "77"],
    value: 77,
    default: standard,
    refused: { words: [flag, "-1"], message: "Value must be positive: -1" },
  };
}

function text(flag: string, standard: string | null): Example {
  return { words: [flag, " some text "], value: "some text", default: standard };
}

function flag(name: string): Example {
  return {
    words: [name],
    value: true,
    default: false,
    refused: {
      words: [`${name}=1`],
      message: `argument ${name}: ignored explicit argument '1'`,
      usage: true,
    },
  };
}

const EXAMPLES: Readonly<Record<SettingName, Example>> = {
  wsgi_app: { words: ["module:name"], value: "module:name", default: "app:app" },
  bind: {
    words: ["-b", "a:1", "--bind", "unix:/b"],
    value: ["a:1", "unix:/b"],
    default: ["127.0.0.1:8000"],
    refused: { words: ["-b", "a:b"], message: "'b' is not a valid port number." },
  },
  backlog: int("--backlog", 2048),
  workers: int("-w", 1),
  worker_class: {
    words: ["-k", "gthread"],
    value: "gthread",
    default: "sync",
    refused: {
      words: ["-k", "a.B"],
      message: "class uri 'a.B' invalid or not found: choose sync or gthread",
    },
  },
  threads: int("--threads", 1),
  timeout: int("-t", 30),
  graceful_timeout: int("--graceful-timeout", 30),
  keepalive: int("--keep-alive", 2),
  limit_request_line: int("--limit-request-line", 4094),
  limit_request_fields: int("--limit-request-fields", 100),
  limit_request_field_size: int("--limit-request-field_size", 8190),
  limit_request_body: int("--limit-request-body", 0),
  max_queue: int("--max-queue", 0),
  queue_timeout: int("--queue-timeout", 0),
  permit_obsolete_folding: flag("--permit-obsolete-folding"),
  strip_header_spaces: flag("--strip-header-spaces"),
  permit_unconventional_http_method: flag("--permit-unconventional-http-method"),
  permit_unconventional_http_version: flag("--permit-unconventional-http-version"),
  casefold_http_method: flag("--casefold-http-method"),
  preload_app: {
    words: ["--preload"],
    value: true,
    default: false,
    refused: {
      words: ["--preload=1"],
      message: "argument --preload: ignored explicit argument '1'",
      usage: true,
    },
  },
  chdir: {
    words: ["--chdir", "site"],
    value: `${ROOT}/site`,
    default: ROOT,
    refused: { words: ["--chdir", "nope"], message: "can't chdir to 'nope'" },
  },
  raw_env: {
    words: ["-e", "A=1", "--env", "B=2=3"],
    value: ["A=1", "B=2=3"],
    default: [],
    refused: { words: ["-e", "A"], message: "environment setting 'A' invalid" },
  },
  pidfile: text("-p", null),
  umask: {
    words: ["-m", "0022"],
    value: 0o22,
    default: 0,
    refused: {
      words: ["-m", "09"],
      message: "argument -m/--umask: invalid auto_int value: '09'",
      usage: true,
    },
  },
  secure_scheme_headers: {
    words: [],
    value: { "X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on" },
    default: { "X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on" },
  },
  forwarded_allow_ips: {
    words: ["--forwarded-allow-ips", "*, 10.0.0.0/8"],
    value: ["*", "10.0.0.0/8"],
    default: ["127.0.0.1", "::1"],
    refused: {
      words: ["--forwarded-allow-ips", "x"],
      message: "'x' does not appear to be an IPv4 or IPv6 network",
    },
  },
  pythonpath: text("--pythonpath", null),
  forwarder_headers: {
    words: ["--forwarder-headers", "A, B"],
    value: ["A", "B"],
    default: ["SCRIPT_NAME", "PATH_INFO"],
  },
  header_map: {
    words: ["--header-map", "refuse"],
    value: "refuse",
    default: "drop",
    refused: { words: ["--header-map", "keep"], message: "Invalid header map behaviour: keep" },
  },
  accesslog: text("--access-logfile", null),
  access_log_format: text(
    "--access-logformat",
    '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
  ),
  errorlog: text("--log-file", "-"),
  loglevel: text("--log-level", "info"),
  proc_name: text("-n", null),
  python: {
    words: ["--python", "bin/python3"],
    value: `${ROOT}/bin/python3`,
    default: "python3",
    refused: { words: ["--python", "nope"], message: "can't find the Python interpreter 'nope'" },
  },
};

/** The application comes last, where it loses against words that name one. */
const withApp = (words: readonly string[]) => [...words, "app:app"];

for (const [name, example] of Object.entries(EXAMPLES)) {
  describe(`the setting ${name}`, () => {
    const load = (words: readonly string[]): unknown => {
      const settings: Readonly<Record<string, unknown>> = loaded(withApp(words)).settings;
      return settings[name];
    };

    it("has Gunicorn's default", () => assert.deepEqual(load([]), example.default));
    it("is set by its option", () => assert.deepEqual(load(example.words), example.value));

    const { refused } = example;
    if (refused === undefined) return;
    it("is refused in Gunicorn's words", () => {
      const exit = refused.usage ? usageError(refused.message) : refusal(refused.message);
      assert.deepEqual(request(withApp(refused.words), {}), exit);
    });
  });
}

describe("the table", () => {
  const names = SECTIONS.flatMap(({ settings }) => Object.keys(settings));
  const entries = Object.entries(SETTINGS);

  it("has each name once", () => {
    assert.deepEqual(names, [...new Set(names)]);
    assert.deepEqual(
      names,
      entries.map(([name]) => name),
    );
  });

  it("has each flag once", () => {
    const flags = entries.flatMap(([, { flags }]) => flags ?? []);
    assert.deepEqual(flags, [...new Set(flags)]);
  });

  it("describes every setting in a sentence", () => {
    for (const [name, { summary }] of entries) assert.match(summary, /^[A-Z].*\.$/s, name);
  });
});
