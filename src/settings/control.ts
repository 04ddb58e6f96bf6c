/**
 * Gunicorn's section "Control": the socket by which `gunicornc` talks to a server.
 *
 * Runs in: arbiter.
 */
import { controlSocket } from "./places.ts";
import { section } from "./setting.ts";
import { bool, positiveInt } from "./validators.ts";

export const control = section("Control", {
  control_socket: {
    summary: "The path of the control socket. Without it, each instance has its own in its run directory.",
    flags: ["--control-socket"],
    metavar: "PATH",
    validate: controlSocket,
    default: null,
  },
  control_socket_mode: {
    summary: "The mode of the control socket, for example 0660.",
    flags: ["--control-socket-mode"],
    metavar: "INT",
    type: "auto_int",
    validate: positiveInt,
    default: 0o600,
  },
  control_socket_disable: {
    summary: "Have no control socket.",
    flags: ["--no-control-socket"],
    action: "store_true",
    validate: bool,
    default: false,
  },
});
