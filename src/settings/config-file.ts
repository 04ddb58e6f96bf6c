/**
 * Gunicorn's section "Config File".
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { textOrNull } from "./validators.ts";

export const configFile = section("Config File", {
  /** Only the command line and GUNICORN_CMD_ARGS can say which file is read. */
  config: {
    summary: "The configuration file: PATH, file:PATH or python:MODULE.",
    flags: ["-c", "--config"],
    metavar: "CONFIG",
    validate: textOrNull,
    default: "./gunicorn.conf.py",
  },
  wsgi_app: {
    summary: "The application as MODULE:VARIABLE, when the command line names none.",
    validate: textOrNull,
    default: null,
  },
});
