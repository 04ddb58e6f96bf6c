/**
 * Where to listen: reads the texts of `bind`, and writes addresses for the log.
 *
 * Rules: the forms are Gunicorn's: `HOST`, `HOST:PORT`, `:PORT`, `[V6]:PORT`, `tcp://…`, `unix:PATH`,
 * `unix://PATH`, `fd://N`, and the empty text. What Gunicorn would silently read as something else
 * (`1:2:3`, `[::1]9000`) or only notices when it binds (port 99999) is refused here.
 *
 * Runs in: arbiter.
 */
import { isIPv6 } from "node:net";
import { maybePythonInt, pythonRepr } from "./python-text.ts";
import { SettingsError } from "./settings-error.ts";

export type BindAddress = (
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "fd"; readonly fd: number }
) & {
  /** There are health pages, and nothing else. */
  readonly isHealth?: true;
};

export interface Binds {
  readonly listen: readonly BindAddress[];
  /** What does not count because a file descriptor is given. Gunicorn drops these silently: log a warning. */
  readonly ignored: readonly BindAddress[];
}

const DEFAULT_PORT = 8000;
const MAX_PORT = 65535;
const ALL_INTERFACES = "0.0.0.0";

/** Throws SettingsError. */
export function parseBinds(texts: readonly string[]): Binds {
  const addresses = texts.map((text) => parseBind(text));
  const inherited = addresses.filter((address) => address.kind === "fd");
  if (inherited.length === 0) return { listen: addresses, ignored: [] };
  return { listen: inherited, ignored: addresses.filter((address) => address.kind !== "fd") };
}

/** Throws SettingsError. */
export function parseBind(text: string, defaultPort = DEFAULT_PORT): BindAddress {
  if (text.startsWith("unix:")) return parseUnix(text);
  if (text.startsWith("fd://")) return parseDescriptor(text.slice("fd://".length));
  return parseTcp(text.startsWith("tcp://") ? text.slice("tcp://".length) : text, defaultPort);
}

/** As in Gunicorn's log. `scheme` is of no consequence to a Unix socket. */
export function formatAddress(address: BindAddress, scheme: "http" | "https" = "http"): string {
  switch (address.kind) {
    case "tcp": {
      const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
      return `${scheme}://${host}:${address.port}`;
    }
    case "unix":
      return `unix:${address.path}`;
    case "fd":
      return `fd://${address.fd}`;
    default:
      return address satisfies never;
  }
}

/** An abstract socket (Linux) has a path that starts with NUL. */
function parseUnix(text: string): BindAddress {
  const path = text.replace(/^unix:(\/\/)?/, "");
  if (path === "") throw invalidAddress(text);
  return { kind: "unix", path };
}

function parseDescriptor(text: string): BindAddress {
  const fd = maybePythonInt(text, 10);
  if (fd === undefined || fd < 0) {
    throw new SettingsError(`${pythonRepr(text)} is not a valid file descriptor.`);
  }
  return { kind: "fd", fd };
}

function parseTcp(text: string, defaultPort: number): BindAddress {
  const { host, port } = splitHost(text);
  return {
    kind: "tcp",
    host: host === "" ? ALL_INTERFACES : host.toLowerCase(),
    port: port === undefined ? defaultPort : parsePort(port),
  };
}

function splitHost(text: string): { host: string; port: string | undefined } {
  const bracketed = /^\[(?<host>[^\]]*)\](?<rest>.*)$/s.exec(text)?.groups;
  if (bracketed === undefined) {
    const [host = "", port, ...rest] = text.split(":");
    // An empty port goes first, because that is what Gunicorn says of an IPv6 address without brackets.
    if (rest.length > 0 && port !== "") throw invalidAddress(text);
    return { host, port };
  }
  const { host = "", rest = "" } = bracketed;
  if (rest !== "" && !rest.startsWith(":")) throw invalidAddress(text);
  return { host, port: rest === "" ? undefined : rest.slice(1) };
}

function parsePort(text: string): number {
  const port = maybePythonInt(text, 10);
  if (port === undefined || port < 0 || port > MAX_PORT) {
    throw new SettingsError(`${pythonRepr(text)} is not a valid port number.`);
  }
  return port;
}

function invalidAddress(text: string): SettingsError {
  return new SettingsError(`Invalid address: ${pythonRepr(text)}`);
}
