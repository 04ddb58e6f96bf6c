/**
 * Everything that is measured, in the order of the tables.
 */
import { DJANGO, FLASK, HELLO, PLAIN } from "./applications.ts";
import { IDLE_CONNECTIONS, SLOW_CLIENTS } from "./families/difficult.ts";
import { COLD_START, MEMORY } from "./families/footprint.ts";
import { MIXED_SLOW, ONE_SLOW_REQUEST, SLOW_REQUEST_PER_WORKER } from "./families/tail.ts";
import { throughput } from "./families/throughput.ts";
import type { Case } from "./rows.ts";

const ALL_LEVELS = [1, 8, 32, 64, 128];
const KIB = 1024;
const MIB = 1024 * KIB;

export const CASES: readonly Case[] = [
  throughput({ name: "hello", application: HELLO, path: "/", connections: ALL_LEVELS }),
  throughput({ name: "flask", application: FLASK, path: "/items", connections: ALL_LEVELS }),
  throughput({ name: "django", application: DJANGO, path: "/download/100", connections: ALL_LEVELS }),
  // Most of its time is SQLite's and the ORM's, whatever the server.
  throughput({ name: "django-database", application: DJANGO, path: "/entries", connections: [1, 64] }),
  throughput({ name: "json-10k", application: PLAIN, path: "/articles", connections: [64] }),
  throughput({
    ...{ name: "response-1m", application: PLAIN, path: `/bytes/${MIB}`, connections: [16] },
    ...{ unit: "MB/s", expectedBytes: MIB, timeoutSeconds: 10 },
  }),
  throughput({
    ...{ name: "response-10m", application: PLAIN, path: `/bytes/${10 * MIB}`, connections: [8] },
    ...{ unit: "MB/s", expectedBytes: 10 * MIB, timeoutSeconds: 10 },
  }),
  throughput({
    ...{ name: "upload-1m", application: PLAIN, path: "/upload", connections: [8], bodyBytes: MIB },
    ...{ unit: "MB/s", expectedBytes: String(MIB).length, timeoutSeconds: 10 },
  }),
  throughput({
    ...{ name: "streaming", application: PLAIN, path: "/stream/20", connections: [32] },
    expectedBytes: 20 * KIB,
  }),
  throughput({ name: "no-keep-alive", application: HELLO, path: "/", connections: [32], isClosing: true }),
  // As Granian's own benchmarks: the same threads for all that have any, and an application that waits.
  throughput({
    ...{ name: "granian-b10k", application: PLAIN, path: "/bytes/10000", connections: [64] },
    ...{ isPlain: true, expectedBytes: 10_000 },
  }),
  throughput({
    ...{ name: "granian-echoi", application: PLAIN, path: "/echo", connections: [64], bodyBytes: 10_000 },
    ...{ isPlain: true, expectedBytes: 10_000 },
  }),
  throughput({
    ...{ name: "granian-io10", application: PLAIN, path: "/sleep/0.01", connections: [512], threads: 64 },
    isPlain: true,
  }),
  throughput({
    ...{ name: "granian-io100", application: PLAIN, path: "/sleep/0.1", connections: [512], threads: 64 },
    isPlain: true,
  }),
  // As TechEmpower's.
  throughput({
    name: "techempower-json",
    application: PLAIN,
    path: "/json",
    connections: [256],
    isPlain: true,
  }),
  throughput({
    ...{ name: "techempower-plaintext", application: PLAIN, path: "/", connections: [256], isPlain: true },
    pipelined: 16,
  }),
  MIXED_SLOW,
  ONE_SLOW_REQUEST,
  SLOW_REQUEST_PER_WORKER,
  SLOW_CLIENTS,
  IDLE_CONNECTIONS,
  MEMORY,
  COLD_START,
];
