/**
 * Gunicorn's section "Server Mechanics".
 *
 * Runs in: arbiter.
 */
import { headerMap, proxyProtocol, realIpHeader } from "./choices.ts";
import { group, user } from "./places.ts";
import { section } from "./setting.ts";
import {
  bool,
  boolOrNull,
  commaList,
  existingPath,
  networkList,
  positiveInt,
  text,
  textDict,
  textList,
  textOrNull,
} from "./validators.ts";

const NO_UWSGI = "only the uWSGI protocol would read it, which is not there yet";

export const serverMechanics = section("Server Mechanics", {
  preload_app: {
    summary: "Import the application once, before the workers are forked, so that they share its memory.",
    flags: ["--preload"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  /** Inverted, as in Gunicorn: any value but None means not to use it. */
  sendfile: {
    summary:
      "Whether files of wsgi.file_wrapper are sent by the gateway, with the worker free at once. The option switches it off.",
    flags: ["--no-sendfile"],
    action: "store_const",
    const: false,
    validate: boolOrNull,
    default: null,
  },
  reuse_port: {
    summary: "Let other processes listen on the same TCP addresses (SO_REUSEPORT).",
    flags: ["--reuse-port"],
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
  daemon: {
    summary: "Go to the background, once the server serves.",
    flags: ["-D", "--daemon"],
    action: "store_true",
    validate: bool,
    default: false,
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
  worker_tmp_dir: {
    summary: "Where the request queue lies, instead of shared memory.",
    flags: ["--worker-tmp-dir"],
    metavar: "DIR",
    validate: textOrNull,
    default: null,
  },
  /** A number once loaded. */
  user: {
    summary: "The user, by name or number, that all processes but the arbiter run as.",
    flags: ["-u", "--user"],
    metavar: "USER",
    validate: user,
    default: null,
  },
  /** A number once loaded. */
  group: {
    summary: "The group, by name or number, that all processes but the arbiter run as.",
    flags: ["-g", "--group"],
    metavar: "GROUP",
    validate: group,
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
  initgroups: {
    summary: "Give the processes all groups of their user. Without it they have no group but theirs.",
    flags: ["--initgroups"],
    action: "store_true",
    validate: bool,
    default: false,
  },
  tmp_upload_dir: {
    summary:
      "The directory for request bodies and waiting responses that are too large for memory. Without it, the one for temporary files.",
    flags: ["--tmp-upload-dir"],
    metavar: "DIR",
    validate: textOrNull,
    default: null,
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
  real_ip_header: {
    summary:
      "The header by which trusted proxies say who the client is: X-Forwarded-For or Forwarded. Without it, the client is who has connected.",
    flags: ["--real-ip-header"],
    metavar: "STRING",
    validate: realIpHeader,
    default: "",
    own: true,
  },
  pythonpath: {
    summary: "Directories, separated by commas, to put in front of Python's module search path.",
    flags: ["--pythonpath"],
    metavar: "STRING",
    validate: textOrNull,
    default: null,
  },
  paste: {
    summary: "A PasteDeploy file that names the application, as FILE or FILE#SECTION.",
    flags: ["--paste", "--paster"],
    metavar: "STRING",
    validate: textOrNull,
    default: null,
    effect: { kind: "later", feature: "PasteDeploy" },
  },
  raw_paste_global_conf: {
    summary: "A variable of the PasteDeploy file, as NAME=VALUE. Repeat the option to set several.",
    flags: ["--paste-global"],
    metavar: "CONF",
    action: "append",
    validate: textList,
    default: [],
    effect: { kind: "none", why: "only PasteDeploy would read it, which is not there yet" },
  },
  proxy_protocol: {
    summary: "Whether a proxy says who the client is by the PROXY protocol: off, v1, v2 or auto.",
    flags: ["--proxy-protocol"],
    metavar: "MODE",
    nargs: "?",
    const: "auto",
    validate: proxyProtocol,
    default: "off",
  },
  proxy_allow_ips: {
    summary: "Addresses and networks, separated by commas, that may speak the PROXY protocol. * allows all.",
    flags: ["--proxy-allow-from"],
    validate: networkList,
    default: "127.0.0.1,::1",
  },
  protocol: {
    summary: "The protocol that clients speak: http or uwsgi.",
    flags: ["--protocol"],
    metavar: "STRING",
    validate: textOrNull,
    default: "http",
    // Gunicorn takes whatever is not uwsgi for http.
    effect: { kind: "later", feature: "the uWSGI protocol", isHarmless: (value) => value !== "uwsgi" },
  },
  uwsgi_allow_ips: {
    summary: "Addresses and networks, separated by commas, that may speak the uWSGI protocol. * allows all.",
    flags: ["--uwsgi-allow-from"],
    validate: networkList,
    default: "127.0.0.1,::1",
    effect: { kind: "none", why: NO_UWSGI },
  },
  root_path: {
    summary: "The path under which ASGI applications are mounted.",
    flags: ["--root-path"],
    metavar: "STRING",
    validate: text,
    default: "",
    effect: { kind: "none", why: "only ASGI workers would read it, and there are none yet" },
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
