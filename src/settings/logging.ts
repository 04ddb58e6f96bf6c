/**
 * Gunicorn's section "Logging".
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { logPath, text, textOrNull } from "./validators.ts";

export const logging = section("Logging", {
  accesslog: {
    summary: "The access log file. - is standard output; without it, there is no access log.",
    flags: ["--access-logfile"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
  },
  access_log_format: {
    summary: "What a line of the access log says.",
    flags: ["--access-logformat"],
    metavar: "STRING",
    validate: text,
    default: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"',
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
});
