/**
 * Gunicorn's section "Server Mechanics".
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import {
  bool,
  commaList,
  existingPath,
  headerMap,
  networkList,
  positiveInt,
  textDict,
  textList,
  textOrNull,
} from "./validators.ts";

export const serverMechanics = section("Server Mechanics", {
  preload_app: {
    summary: "Import the application once, before the workers are forked, so that they share its memory.",
    flags: ["--preload"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  /** Absolute once loaded. */
  chdir: {
    summary: "The directory to change to before the application is imported.",
    flags: ["--chdir"],
    metavar: "CHDIR",
    validate: existingPath,
    default: ".",
  },
  /** Texts; `environment` in resolve.ts reads them. */
  raw_env: {
    summary: "An environment variable for the application, as NAME=VALUE. Repeat the option to set several.",
    flags: ["-e", "--env"],
    metavar: "ENV",
    action: "append",
    validate: textList,
    default: [],
  },
  pidfile: {
    summary: "The file to write the process id to. Without it, none is written.",
    flags: ["-p", "--pid"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
  },
  umask: {
    summary: "The file mode creation mask for Unix sockets, for example 0077.",
    flags: ["-m", "--umask"],
    metavar: "INT",
    type: "auto_int",
    validate: positiveInt,
    default: 0,
  },
  secure_scheme_headers: {
    summary:
      "Header fields, in upper case, and the values by which a trusted proxy says that a request came over HTTPS.",
    validate: textDict,
    default: {
      "X-FORWARDED-PROTOCOL": "ssl",
      "X-FORWARDED-PROTO": "https",
      "X-FORWARDED-SSL": "on",
    },
  },
  /** Texts: addresses, networks or `*`; `parseNetwork` in networks.ts reads them. */
  forwarded_allow_ips: {
    summary:
      "Addresses and networks, separated by commas, of the proxies whose forwarded headers are trusted. * trusts all.",
    flags: ["--forwarded-allow-ips"],
    metavar: "STRING",
    validate: networkList,
    default: "127.0.0.1,::1",
    variable: { name: "FORWARDED_ALLOW_IPS", form: "$FORWARDED_ALLOW_IPS", read: (value) => value },
  },
  pythonpath: {
    summary: "Directories, separated by commas, to put in front of Python's module search path.",
    flags: ["--pythonpath"],
    metavar: "STRING",
    validate: textOrNull,
    default: null,
  },
  forwarder_headers: {
    summary:
      "Header names with underscores, separated by commas, that a trusted proxy may send. * allows all.",
    flags: ["--forwarder-headers"],
    metavar: "STRING",
    validate: commaList,
    default: "SCRIPT_NAME,PATH_INFO",
  },
  header_map: {
    summary:
      "What to do with a header whose name has an underscore: drop it, refuse the request, or pass it on (dangerous).",
    flags: ["--header-map"],
    metavar: "STRING",
    validate: headerMap,
    default: "drop",
  },
  permit_obsolete_folding: {
    summary: "Join folded header lines with a space instead of refusing them.",
    flags: ["--permit-obsolete-folding"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  strip_header_spaces: {
    summary: "Take blanks between the name of a header and its colon instead of refusing them.",
    flags: ["--strip-header-spaces"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  permit_unconventional_http_method: {
    summary: "Take methods with lower-case letters or #, and of any length.",
    flags: ["--permit-unconventional-http-method"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  permit_unconventional_http_version: {
    summary: "Take HTTP versions other than 1.x.",
    flags: ["--permit-unconventional-http-version"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  casefold_http_method: {
    summary: "Turn the method into upper case.",
    flags: ["--casefold-http-method"],
    action: "store_true",
    validate: bool,
    default: false,
  },
});
