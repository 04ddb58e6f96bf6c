/**
 * Gunicorn's section "Server Socket".
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { positiveInt, textList } from "./validators.ts";

export const serverSocket = section("Server Socket", {
  /** Texts; `parseBinds` in addresses.ts reads them. */
  bind: {
    summary: "Where to listen: HOST, HOST:PORT, unix:PATH or fd://N. Repeat the option to listen on several.",
    flags: ["-b", "--bind"],
    metavar: "ADDRESS",
    action: "append",
    validate: textList,
    default: ["127.0.0.1:8000"],
    variable: { name: "PORT", form: "0.0.0.0:$PORT", read: (port) => [`0.0.0.0:${port}`] },
  },
  backlog: {
    summary: "How many connections may wait in the kernel to be accepted.",
    flags: ["--backlog"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 2048,
  },
});
