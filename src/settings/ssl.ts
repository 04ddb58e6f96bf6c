/**
 * Gunicorn's section "SSL". TLS is not there yet: who asks for it is refused, rather than served without.
 *
 * Runs in: arbiter.
 */
import { type Effect, section } from "./setting.ts";
import { bool, positiveInt, textOrNull } from "./validators.ts";

const LATER: Effect = { kind: "later", feature: "TLS" };
const NO_TLS: Effect = { kind: "none", why: "only TLS would read it, which is not there yet" };
/** The numbers of Python's ssl.PROTOCOL_TLS and ssl.CERT_NONE. */
const PROTOCOL_TLS = 2;
const CERT_NONE = 0;

export const ssl = section("SSL", {
  keyfile: {
    summary: "The file of the private key.",
    flags: ["--keyfile"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
    effect: LATER,
  },
  certfile: {
    summary: "The file of the certificate.",
    flags: ["--certfile"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
    effect: LATER,
  },
  ssl_version: {
    summary: "Deprecated in Gunicorn, and ignored.",
    flags: ["--ssl-version"],
    validate: (raw) => raw,
    default: PROTOCOL_TLS,
    effect: { kind: "none", why: "it is deprecated, and ignored by Gunicorn too" },
  },
  cert_reqs: {
    summary: "Whether clients need a certificate: 0 no, 1 optional, 2 yes.",
    flags: ["--cert-reqs"],
    validate: positiveInt,
    default: CERT_NONE,
    effect: NO_TLS,
  },
  ca_certs: {
    summary: "The file of the authorities that sign the certificates of clients.",
    flags: ["--ca-certs"],
    metavar: "FILE",
    validate: textOrNull,
    default: null,
    effect: NO_TLS,
  },
  suppress_ragged_eofs: {
    summary: "Take the end of a TLS connection without a farewell for its end.",
    flags: ["--suppress-ragged-eofs"],
    action: "store_true",
    validate: bool,
    default: true,
    effect: NO_TLS,
  },
  do_handshake_on_connect: {
    summary: "Do the TLS handshake as soon as a client connects.",
    flags: ["--do-handshake-on-connect"],
    action: "store_true",
    validate: bool,
    default: false,
    effect: NO_TLS,
  },
  ciphers: {
    summary: "The ciphers of TLS, in OpenSSL's format.",
    flags: ["--ciphers"],
    validate: textOrNull,
    default: null,
    effect: NO_TLS,
  },
});
