import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SECTIONS, SETTINGS, type SettingName } from "../../../src/settings/table.ts";
import { loaded, ROOT, refusal, request, usageError } from "./request.ts";

/** For each setting: words that set it, what it becomes, and words that are refused. The type demands every name. */
interface Example {
  readonly words: readonly string[];
  readonly value: unknown;
  readonly default: unknown;
  /** What the start is refused with, because the feature is not there yet. */
  readonly later?: string;
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

function flag(name: string, shown = name): Example {
  return {
    words: [name],
    value: true,
    default: false,
    refused: {
      words: [`${name}=1`],
      message: `argument ${shown}: ignored explicit argument '1'`,
      usage: true,
    },
  };
}

function word(flag: string, standard: string, other: string, message: string): Example {
  return {
    words: [flag, other],
    value: other.toLowerCase(),
    default: standard,
    refused: { words: [flag, "nope"], message },
  };
}

function networks(flag: string): Example {
  return {
    words: [flag, "*, 10.0.0.0/8"],
    value: ["*", "10.0.0.0/8"],
    default: ["127.0.0.1", "::1"],
    refused: { words: [flag, "x"], message: "'x' does not appear to be an IPv4 or IPv6 network" },
  };
}

function path(flag: string): Example {
  return {
    words: [flag, "/up"],
    value: "/up",
    default: null,
    refused: { words: [flag, "up"], message: "not a path that begins with /: 'up'" },
  };
}

/** Only a configuration file can have it. */
const HOOK: Example = { words: [], value: null, default: null };
const SYSLOG_ADDRESS = process.platform === "linux" ? "udp://localhost:514" : "unix:///var/run/syslog";

const EXAMPLES: Readonly<Record<SettingName, Example>> = {
  config: { words: ["-c", "python:settings"], value: "python:settings", default: "./gunicorn.conf.py" },
  worker_connections: int("--worker-connections", 1000),
  max_requests: int("--max-requests", 0),
  max_requests_jitter: int("--max-requests-jitter", 0),
  asgi_loop: word("--asgi-loop", "auto", "UVLOOP", "Invalid ASGI loop: nope"),
  asgi_lifespan: word("--asgi-lifespan", "auto", "Off", "Invalid ASGI lifespan: nope"),
  asgi_disconnect_grace_period: int("--asgi-disconnect-grace-period", 3),
  websocket_max_message_size: int("--websocket-max-message-size", 16_777_216),
  http_parser: word("--http-parser", "auto", "python", "http_parser must be one of: auto, fast, python"),
  reload: flag("--reload"),
  reload_engine: word("--reload-engine", "auto", "poll", "Invalid reload_engine: 'nope'"),
  reload_extra_files: {
    words: ["--reload-extra-file", "bin/python3", "--reload-extra-file", "site"],
    value: ["bin/python3", "site"],
    default: [],
    refused: { words: ["--reload-extra-file", "nope"], message: "File nope does not exists." },
  },
  spew: flag("--spew"),
  check_config: flag("--check-config"),
  print_config: flag("--print-config"),
  sendfile: { words: ["--no-sendfile"], value: false, default: null },
  reuse_port: flag("--reuse-port"),
  daemon: flag("--daemon", "-D/--daemon"),
  worker_tmp_dir: text("--worker-tmp-dir", null),
  user: {
    words: ["-u", "77"],
    value: 77,
    default: process.geteuid?.(),
    refused: { words: ["-u", "no such user"], message: "No such user: 'no such user'" },
  },
  group: {
    words: ["-g", "77"],
    value: 77,
    default: process.getegid?.(),
    refused: { words: ["-g", "no such group"], message: "No such group: 'no such group'" },
  },
  initgroups: flag("--initgroups"),
  tmp_upload_dir: text("--tmp-upload-dir", null),
  paste: { ...text("--paste", null), later: "PasteDeploy" },
  raw_paste_global_conf: { words: ["--paste-global", "A=1"], value: ["A=1"], default: [] },
  proxy_protocol: word("--proxy-protocol", "off", "v1", "proxy_protocol must be: off, v1, v2, or auto"),
  proxy_allow_ips: networks("--proxy-allow-from"),
  protocol: { words: ["--protocol", "uwsgi"], value: "uwsgi", default: "http", later: "the uWSGI protocol" },
  uwsgi_allow_ips: networks("--uwsgi-allow-from"),
  root_path: text("--root-path", ""),
  default_proc_name: { words: ["module:name"], value: "module:name", default: "app:app" },
  disable_redirect_access_to_syslog: flag("--disable-redirect-access-to-syslog"),
  capture_output: flag("--capture-output"),
  logger_class: text("--logger-class", "gunicorn.glogging.Logger"),
  logconfig: text("--log-config", null),
  logconfig_dict: { words: [], value: {}, default: {} },
  logconfig_json: text("--log-config-json", null),
  syslog_addr: text("--log-syslog-to", SYSLOG_ADDRESS),
  syslog: flag("--log-syslog"),
  syslog_prefix: text("--log-syslog-prefix", null),
  syslog_facility: text("--log-syslog-facility", "user"),
  enable_stdio_inheritance: flag("--enable-stdio-inheritance", "-R/--enable-stdio-inheritance"),
  statsd_host: {
    words: ["--statsd-host", "metrics"],
    value: { kind: "tcp", host: "metrics", port: 8125 },
    default: null,
    refused: {
      words: ["--statsd-host", "a:b"],
      message: "Value must be one of ('host:port', 'unix://PATH')",
    },
  },
  dogstatsd_tags: text("--dogstatsd-tags", ""),
  statsd_prefix: text("--statsd-prefix", ""),
  enable_backlog_metric: flag("--enable-backlog-metric"),
  keyfile: { ...text("--keyfile", null), later: "TLS" },
  certfile: { ...text("--certfile", null), later: "TLS" },
  ssl_version: { words: ["--ssl-version", "3"], value: "3", default: 2 },
  cert_reqs: {
    words: ["--cert-reqs", "2"],
    value: 2,
    default: 0,
    refused: { words: ["--cert-reqs=-1"], message: "Value must be positive: -1" },
  },
  ca_certs: text("--ca-certs", null),
  suppress_ragged_eofs: { words: ["--suppress-ragged-eofs"], value: true, default: true },
  do_handshake_on_connect: flag("--do-handshake-on-connect"),
  ciphers: text("--ciphers", null),
  http_protocols: {
    words: ["--http-protocols", "h2,h1"],
    value: ["h2", "h1"],
    default: ["h1"],
    later: "HTTP/2",
    refused: {
      words: ["--http-protocols", "h3"],
      message: "Invalid protocol 'h3'. Valid protocols: h1, h2",
    },
  },
  http2_cleartext: {
    ...word("--http2-cleartext", "off", "both", "Invalid http2_cleartext: nope"),
    later: "HTTP/2",
  },
  http2_max_concurrent_streams: {
    ...int("--http2-max-concurrent-streams", 100),
    refused: {
      words: ["--http2-max-concurrent-streams", "0"],
      message: "HTTP/2 max concurrent streams must be at least 1: 0",
    },
  },
  http2_initial_window_size: {
    ...int("--http2-initial-window-size", 65_535),
    refused: {
      words: ["--http2-initial-window-size", "2147483648"],
      message: "HTTP/2 window size must be at most 2147483647: 2147483648",
    },
  },
  http2_max_frame_size: {
    words: ["--http2-max-frame-size", "20000"],
    value: 20_000,
    default: 16_384,
    refused: {
      words: ["--http2-max-frame-size", "1"],
      message: "http2_max_frame_size must be between 16384 and 16777215, got 1",
    },
  },
  http2_max_header_list_size: int("--http2-max-header-list-size", 65_536),
  dirty_apps: { words: ["--dirty-app", "a:B"], value: ["a:B"], default: [] },
  dirty_workers: int("--dirty-workers", 0),
  dirty_timeout: int("--dirty-timeout", 300),
  dirty_threads: int("--dirty-threads", 1),
  dirty_graceful_timeout: int("--dirty-graceful-timeout", 30),
  control_socket: text("--control-socket", "/.gunicorn/gunicorn.ctl"),
  control_socket_mode: {
    words: ["--control-socket-mode", "0660"],
    value: 0o660,
    default: 0o600,
    refused: { words: ["--control-socket-mode=-1"], message: "Value must be positive: -1" },
  },
  control_socket_disable: flag("--no-control-socket"),
  on_starting: HOOK,
  on_reload: HOOK,
  when_ready: HOOK,
  pre_fork: HOOK,
  post_fork: HOOK,
  post_worker_init: HOOK,
  worker_int: HOOK,
  worker_abort: HOOK,
  pre_exec: HOOK,
  pre_request: HOOK,
  post_request: HOOK,
  child_exit: HOOK,
  worker_exit: HOOK,
  nworkers_changed: HOOK,
  on_exit: HOOK,
  ssl_context: HOOK,
  on_dirty_starting: HOOK,
  dirty_post_fork: HOOK,
  dirty_worker_init: HOOK,
  dirty_worker_exit: HOOK,
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
  limit_request_head: int("--limit-request-head", 131072),
  limit_request_body: int("--limit-request-body", 0),
  max_connections: int("--max-connections", 0),
  gateways: {
    words: ["--gateways", "4"],
    value: 4,
    default: 1,
    refused: { words: ["--gateways", "0"], message: "there must be a gateway: 1 or more, or auto" },
  },
  header_timeout: int("--header-timeout", 30),
  body_timeout: int("--body-timeout", 30),
  write_timeout: int("--write-timeout", 60),
  max_worker_lifetime: int("--max-worker-lifetime", 0),
  max_worker_lifetime_jitter: int("--max-worker-lifetime-jitter", 0),
  max_worker_memory: {
    words: ["--max-worker-memory", "300M"],
    value: 314_572_800,
    default: 0,
    refused: {
      words: ["--max-worker-memory", "much"],
      message: "Not a size: much (write bytes, or 512K, 300M, 2G)",
    },
  },
  boot_timeout: int("--boot-timeout", 0),
  drain_delay: int("--drain-delay", 0),
  max_queue: int("--max-queue", 0),
  queue_timeout: int("--queue-timeout", 0),
  request_timeout: {
    words: ["--request-timeout", "2.5"],
    value: 2.5,
    default: null,
    refused: { words: ["--request-timeout", "soon"], message: "Not a number of seconds: soon" },
  },
  busy_poll: int("--busy-poll", 200),
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
  real_ip_header: {
    words: ["--real-ip-header", "X-Forwarded-For"],
    value: "x-forwarded-for",
    default: "",
    refused: {
      words: ["--real-ip-header", "X-Real-IP"],
      message: "real_ip_header must be X-Forwarded-For or Forwarded, not 'x-real-ip'",
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
  access_log_exclude: {
    words: ["--access-log-exclude", "/healthz", "--access-log-exclude", "/ready*"],
    value: ["/healthz", "/ready*"],
    default: [],
    refused: {
      words: ["--access-log-exclude", "*.png"],
      message: "not a path that begins with / and has * at its end only: '*.png'",
    },
  },
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
  health_path: path("--health-path"),
  readiness_path: path("--readiness-path"),
  health_bind: {
    words: ["--health-bind", ":9000"],
    value: ":9000",
    default: null,
    refused: { words: ["--health-bind", "127.0.0.1:none"], message: "'none' is not a valid port number." },
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
    const { refused, later } = example;
    if (later === undefined) {
      it("is set by its option", () => assert.deepEqual(load(example.words), example.value));
    } else {
      it("is refused as long as the feature is not there", () => {
        const message = `the setting ${name} cannot be used yet: ${later} will come later`;
        assert.deepEqual(request(withApp(example.words), {}), refusal(message));
      });
    }

    if (refused === undefined) return;
    it("is refused in Gunicorn's words", () => {
      const exit = refused.usage ? usageError(refused.message) : refusal(refused.message);
      assert.deepEqual(request(withApp(refused.words), {}), exit);
    });
  });
}

describe("a setting that has no effect", () => {
  it("is told of, once it is not what it would be anyway", () => {
    assert.deepEqual(loaded(["--http-parser", "fast", "app:app"]).resolved.notices, [
      "The setting http_parser has no effect: the gateway has a parser of its own",
    ]);
    assert.deepEqual(loaded(["--http-parser", "auto", "app:app"]).resolved.notices, []);
  });

  it("is told of for every setting that says so", () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const words = new Map(Object.entries(EXAMPLES)).get(name)?.words ?? [];
      if (setting.effect?.kind !== "none" || words.length === 0 || name === "suppress_ragged_eofs") continue;
      const { notices } = loaded(withApp(words)).resolved;
      assert.match(notices.join("\n"), new RegExp(`The setting ${name} has no effect: `), name);
    }
  });

  it("is no reason to refuse a protocol that Gunicorn takes for http", () => {
    assert.equal(loaded(["--protocol", "https", "app:app"]).settings.protocol, "https");
  });
});

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
