/**
 * Gunicorn's section "Security": limits on the head of a request.
 *
 * Rules: the values are kept as they were given; `requestLimits` in resolve.ts says what 0 and values above the
 * maximum mean.
 *
 * Runs in: arbiter.
 */
import { section } from "./setting.ts";
import { positiveInt } from "./validators.ts";

export const DEFAULT_REQUEST_HEAD = 128 * 1024;

export const security = section("Security", {
  /** Bytes, without the CRLF. */
  limit_request_line: {
    summary: "The longest request line, in bytes, up to 8190. 0 takes the limit away.",
    flags: ["--limit-request-line"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 4094,
  },
  limit_request_fields: {
    summary: "How many header fields a request may have, up to 32768. 0 means 32768.",
    flags: ["--limit-request-fields"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 100,
  },
  /** Bytes of name, value and CRLF. The underscore in the flag is Gunicorn's. */
  limit_request_field_size: {
    summary: "The longest header field, in bytes. 0 means 8190.",
    flags: ["--limit-request-field_size"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 8190,
  },
  /** Bytes, from the request line to the empty line. Trailer sections have the same limit. */
  limit_request_head: {
    summary:
      "The largest request head, in bytes; larger ones are answered with 431. At its default it grows to what " +
      "limit_request_line, limit_request_fields and limit_request_field_size allow together when one of these is " +
      "raised. 0 means no limit but those.",
    flags: ["--limit-request-head"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: DEFAULT_REQUEST_HEAD,
    own: true,
  },
  /** Bytes. */
  limit_request_body: {
    summary: "The largest request body, in bytes; larger ones are answered with 413. 0 means no limit.",
    flags: ["--limit-request-body"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 0,
    own: true,
  },
});
