/**
 * Gunicorn's section "HTTP/2". It is not there yet.
 *
 * Runs in: arbiter.
 */
import { http2Cleartext, httpProtocols } from "./choices.ts";
import { type Effect, section } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { positiveInt, wholeNumber } from "./validators.ts";

const LATER: Effect = { kind: "later", feature: "HTTP/2" };
const NO_HTTP2: Effect = { kind: "none", why: "only HTTP/2 would read it, which is not there yet" };
const MAX_WINDOW = 2 ** 31 - 1;
const MIN_FRAME = 16_384;
const MAX_FRAME = 16_777_215;

function streamLimit(raw: unknown): number {
  const value = positiveInt(raw);
  if (value < 1) throw new SettingsError(`HTTP/2 max concurrent streams must be at least 1: ${value}`);
  return value;
}

function windowSize(raw: unknown): number {
  const value = positiveInt(raw);
  if (value > MAX_WINDOW)
    throw new SettingsError(`HTTP/2 window size must be at most ${MAX_WINDOW}: ${value}`);
  return value;
}

function frameSize(raw: unknown): number {
  const value = wholeNumber(raw);
  if (value < MIN_FRAME || value > MAX_FRAME) {
    throw new SettingsError(
      `http2_max_frame_size must be between ${MIN_FRAME} and ${MAX_FRAME}, got ${value}`,
    );
  }
  return value;
}

export const http2 = section("HTTP/2", {
  http_protocols: {
    summary: "The versions of HTTP, separated by commas, the preferred one first: h1, h2.",
    flags: ["--http-protocols"],
    metavar: "STRING",
    validate: httpProtocols,
    default: "h1",
    effect: LATER,
  },
  http2_cleartext: {
    summary: "Whether HTTP/2 is spoken without TLS: off, prior-knowledge, upgrade or both.",
    flags: ["--http2-cleartext"],
    metavar: "STRING",
    validate: http2Cleartext,
    default: "off",
    effect: LATER,
  },
  http2_max_concurrent_streams: {
    summary: "How many requests a connection of HTTP/2 may have under way.",
    flags: ["--http2-max-concurrent-streams"],
    metavar: "INT",
    type: "int",
    validate: streamLimit,
    default: 100,
    effect: NO_HTTP2,
  },
  /** Bytes. */
  http2_initial_window_size: {
    summary: "How much a client of HTTP/2 may send ahead on a stream, in bytes.",
    flags: ["--http2-initial-window-size"],
    metavar: "INT",
    type: "int",
    validate: windowSize,
    default: 65_535,
    effect: NO_HTTP2,
  },
  /** Bytes. */
  http2_max_frame_size: {
    summary: "The longest frame of HTTP/2, in bytes.",
    flags: ["--http2-max-frame-size"],
    metavar: "INT",
    type: "int",
    validate: frameSize,
    default: 16_384,
    effect: NO_HTTP2,
  },
  /** Bytes. */
  http2_max_header_list_size: {
    summary: "The longest head of an HTTP/2 request, in bytes.",
    flags: ["--http2-max-header-list-size"],
    metavar: "INT",
    type: "int",
    validate: positiveInt,
    default: 65_536,
    effect: NO_HTTP2,
  },
});
