/**
 * Gunicorn's section "Control": the socket by which `gunicornc` talks to a server.
 *
 * Runs in: arbiter.
 */
import { controlSocket } from "./places.ts";
import { type Effect, section } from "./setting.ts";
import { bool, positiveInt } from "./validators.ts";

const NONE: Effect = { kind: "none", why: "there is no control socket yet" };

export const control = section("Control", {
  control_socket: {
    summary: "The path of the control socket.",
    flags: ["--control-socket"],
    metavar: "PATH",
    validate: controlSocket,
    default: null,
    effect: NONE,
  },
  control_socket_mode: {
    summary: "The mode of the control socket, for example 0660.",
    flags: ["--control-socket-mode"],
    metavar: "INT",
    type: "auto_int",
    validate: positiveInt,
    default: 0o600,
    effect: NONE,
  },
  control_socket_disable: {
    summary: "Have no control socket.",
    flags: ["--no-control-socket"],
    action: "store_true",
    validate: bool,
    default: false,
  },
});
