/**
 * Gunicorn's section "Logging".
 *
 * Runs in: arbiter.
 */
import { statsdAddress } from "./places.ts";
import { classOrText } from "./python-values.ts";
import { section } from "./setting.ts";
import { anyDict, bool, logPath, pathPatterns, text, textOrNull } from "./validators.ts";

const SYSLOG_ADDRESSES: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "unix:///var/run/syslog",
  freebsd: "unix:///var/run/log",
  openbsd: "unix:///dev/log",
};

export const logging = section("Logging", {
  accesslog: {
    summary: "The access log file. - is standard output; without it, there is no access log.",
    flags: ["--access-logfile"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
  },
  disable_redirect_access_to_syslog: {
    summary: "Keep the access log out of syslog.",
    flags: ["--disable-redirect-access-to-syslog"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  access_log_format: {
    summary: "What a line of the access log says; json: one JSON object a line.",
    flags: ["--access-logformat"],
    metavar: "STRING",
    validate: text,
    default: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
  },
  access_log_exclude: {
    summary:
      "A path whose successful requests are kept out of the access log; with * at its end, all that begin so.",
    flags: ["--access-log-exclude"],
    metavar: "PATH",
    action: "append",
    validate: pathPatterns,
    default: [],
    own: true,
  },
  errorlog: {
    summary: "The error log file. - is standard error.",
    flags: ["--error-logfile", "--log-file"],
    metavar: "FILE",
    validate: logPath,
    default: "-",
  },
  /** A text that is no level means info; `logLevel` in resolve.ts reads it. */
  loglevel: {
    summary: "The least severe messages to log: debug, info, warning, error or critical.",
    flags: ["--log-level"],
    metavar: "LEVEL",
    validate: text,
    default: "info",
  },
  capture_output: {
    summary: "Send what the application prints to the error log's file.",
    flags: ["--capture-output"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  logger_class: {
    summary: "The class of the logger.",
    flags: ["--logger-class"],
    metavar: "STRING",
    validate: classOrText,
    default: "gunicorn.glogging.Logger",
  },
  logconfig: {
    summary: "A file that configures Python's logging, in its INI format.",
    flags: ["--log-config"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
  },
  logconfig_dict: {
    summary: "A dictionary that configures Python's logging; goes before logconfig_json and logconfig.",
    validate: anyDict,
    default: {},
  },
  logconfig_json: {
    summary: "A JSON file that configures Python's logging; goes before logconfig.",
    flags: ["--log-config-json"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
  },
  syslog_addr: {
    summary: "Where syslog listens: unix://PATH#TYPE, udp://HOST:PORT or tcp://HOST:PORT.",
    flags: ["--log-syslog-to"],
    metavar: "SYSLOG_ADDR",
    validate: textOrNull,
    default: SYSLOG_ADDRESSES[process.platform] ?? "udp://localhost:514",
  },
  syslog: {
    summary: "Send the logs to syslog.",
    flags: ["--log-syslog"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  syslog_prefix: {
    summary: "What names this server in syslog, after gunicorn. and before the name of the log.",
    flags: ["--log-syslog-prefix"],
    metavar: "SYSLOG_PREFIX",
    validate: textOrNull,
    default: null,
  },
  syslog_facility: {
    summary: "The facility of syslog.",
    flags: ["--log-syslog-facility"],
    metavar: "SYSLOG_FACILITY",
    validate: textOrNull,
    default: "user",
  },
  enable_stdio_inheritance: {
    summary: "Keep standard output and error open in the background.",
    flags: ["-R", "--enable-stdio-inheritance"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  statsd_host: {
    summary: "The StatsD server: HOST:PORT.",
    flags: ["--statsd-host"],
    metavar: "STATSD_ADDR",
    validate: statsdAddress,
    default: null,
  },
  dogstatsd_tags: {
    summary: "Tags for the metrics, separated by commas.",
    flags: ["--dogstatsd-tags"],
    metavar: "DOGSTATSD_TAGS",
    validate: textOrNull,
    default: "",
  },
  statsd_prefix: {
    summary: "What the names of the metrics begin with; a dot is added.",
    flags: ["--statsd-prefix"],
    metavar: "STATSD_PREFIX",
    validate: textOrNull,
    default: "",
  },
  enable_backlog_metric: {
    summary: "Measure how many connections wait in the kernel to be accepted.",
    flags: ["--enable-backlog-metric"],
    action: "store_true",
    validate: bool,
    default: false,
  },
});
