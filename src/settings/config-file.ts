/**
 * Gunicorn's section "Config File". The file itself (`--config`) is not read yet.
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { textOrNull } from "./validators.ts";

export const configFile = section("Config File", {
  wsgi_app: {
    summary: "The application as MODULE:VARIABLE, when the command line names none.",
    validate: textOrNull,
    default: null,
  },
});
