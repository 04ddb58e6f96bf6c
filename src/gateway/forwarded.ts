/**
 * What a request says about itself on behalf of a proxy, and whether the peer may say it: the scheme
 * (`secure_scheme_headers`), SCRIPT_NAME and other fields with underscores (`forwarder_headers`, `header_map`).
 *
 * Rules: only peers in `forwarded_allow_ips` are believed; every peer of a Unix socket is. Anything else that maps to
 * the same environ key as an ordinary field is dropped, refused or let through as `header_map` says.
 *
 * Runs in: gateway.
 */
import type { GatewaySettings } from "../queue/gateway-messages.ts";
import { PROXY, SCRIPT_NAME } from "./http1/field-name.ts";
import {
  contradictorySchemeHeaders,
  invalidHeaderName,
  scriptNameIsNoPrefix,
} from "./http1/protocol-error.ts";
import type { Field, RequestHead } from "./http1/request-head.ts";
import { PeerList } from "./peer-list.ts";

/** What is known of a request besides its own head. */
export interface Provenance {
  readonly scheme: string;
  readonly scriptName: string;
  /** The fields that become environ keys. */
  readonly fields: readonly Field[];
}

export class ForwardedPolicy {
  readonly #trustedPeers: PeerList;
  readonly #schemeHeaders: ReadonlyMap<string, string>;
  readonly #forwarderHeaders: ReadonlySet<string>;
  readonly #headerMap: string;
  readonly #scriptName: string;

  constructor(settings: GatewaySettings) {
    this.#trustedPeers = new PeerList(settings.forwarded_allow_ips);
    this.#schemeHeaders = new Map(
      Object.entries(settings.secure_scheme_headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    this.#forwarderHeaders = new Set(settings.forwarder_headers.map((name) => name.toLowerCase()));
    this.#headerMap = settings.header_map;
    this.#scriptName = settings.script_name;
  }

  /** Asked once a connection, of a peer's IP address; empty when it has left already. */
  trusts(address: string): boolean {
    return address !== "" && this.#trustedPeers.includes(address);
  }

  /** Throws ProtocolError: contradictory scheme fields, a refused name, a path outside SCRIPT_NAME. */
  provenance(head: RequestHead, trusted: boolean): Provenance {
    const fields = this.#admittedFields(head.fields, trusted);
    const scriptName = this.#scriptNameOf(fields, trusted);
    if (scriptName !== "" && !head.path.startsWith(scriptName))
      throw scriptNameIsNoPrefix(head.path, scriptName);
    return { scheme: trusted ? this.#schemeOf(fields) : "http", scriptName, fields };
  }

  #admittedFields(fields: readonly Field[], trusted: boolean): readonly Field[] {
    for (const field of fields) {
      if (field.name.hasUnderscore || field.name === PROXY) {
        return fields.filter((each) => this.#admits(each, trusted));
      }
    }
    return fields;
  }

  #admits({ name }: Field, trusted: boolean): boolean {
    if (name === PROXY) return false;
    if (!name.hasUnderscore) return true;
    if (trusted && (this.#forwarderHeaders.has(name.lower) || this.#forwarderHeaders.has("*"))) return true;
    if (this.#headerMap === "refuse") throw invalidHeaderName(name.lower.toUpperCase());
    return this.#headerMap === "dangerous";
  }

  #schemeOf(fields: readonly Field[]): string {
    let scheme: string | undefined;
    for (const { name, value } of fields) {
      const secureValue = this.#schemeHeaders.get(name.lower);
      if (secureValue === undefined) continue;
      const said = value === secureValue ? "https" : "http";
      if (scheme !== undefined && scheme !== said) throw contradictorySchemeHeaders();
      scheme = said;
    }
    return scheme ?? "http";
  }

  /** The last SCRIPT_NAME field counts, as in Gunicorn; one that header_map let through counts too. */
  #scriptNameOf(fields: readonly Field[], trusted: boolean): string {
    if (!trusted && this.#headerMap !== "dangerous") return this.#scriptName;
    let scriptName = this.#scriptName;
    for (const field of fields) {
      if (field.name === SCRIPT_NAME) scriptName = field.value;
    }
    return scriptName;
  }
}
