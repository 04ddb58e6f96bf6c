/**
 * Tunicorn's own section: pages for load balancers and orchestrators, which gateways answer without a worker.
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { bindTextOrNull, pathOrNull } from "./validators.ts";

export const health = section("Health", {
  health_path: {
    summary: "The path that is answered with 200 as long as the server is up, without asking a worker.",
    flags: ["--health-path"],
    metavar: "PATH",
    validate: pathOrNull,
    default: null,
    own: true,
  },
  readiness_path: {
    summary:
      "The path that is answered with 200 while workers serve, and with 503 before and while the server is leaving.",
    flags: ["--readiness-path"],
    metavar: "PATH",
    validate: pathOrNull,
    default: null,
    own: true,
  },
  /** A text; `parseBind` in addresses.ts reads it. */
  health_bind: {
    summary:
      "An address at which there is nothing but these two pages, at /healthz and /readyz unless their paths are set.",
    flags: ["--health-bind"],
    metavar: "ADDRESS",
    validate: bindTextOrNull,
    default: null,
    own: true,
  },
});
