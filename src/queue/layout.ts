/**
 * The byte layout of the request queue: offsets, sizes and codes. PROTOCOL.md beside this file is normative;
 * python/tunicorn/layout.py mirrors it; test/vectors/queue checks both.
 *
 * Runs in: arbiter, gateway.
 */

export const PROTOCOL_VERSION = 2;

/** Bytes of one ticket. A power of two, so tickets never straddle the pages of a pipe. */
export const TICKET_BYTES = 16;

/** POSIX minimum on Linux: a pipe write of up to this many bytes is atomic (pipe(7)). */
export const PIPE_BUF_BYTES = 4096;

/** Offsets in an arena record's header. */
export const RECORD = {
  id: 0,
  state: 4,
  bodyKind: 5,
  environLength: 8,
  bodyLength: 12,
  enqueued: 16,
  claimBy: 24,
  headerBytes: 32,
} as const;

export const RECORD_READY = 1;
export const RECORD_WITHDRAWN = 2;
export const RECORD_PROBE = 3;

export const BODY_NONE = 0;
export const BODY_INLINE = 1;
export const BODY_SPOOLED = 2;
export const BODY_STORED = 3;

/** Offsets in what stands in the place of a stored body. */
export const STORED_BODY = { offset: 0, length: 4, bytes: 8 } as const;

export const SCOREBOARD_MAGIC = 0x494e5554;
export const SCOREBOARD_HEADER_BYTES = 64;
export const SLOT_BYTES = 128;

/** Offsets in a scoreboard slot. */
export const SLOT = {
  age: 0,
  pid: 4,
  generation: 8,
  state: 12,
  gateway: 16,
  ticket: 20,
  started: 24,
  served: 32,
  retireSeen: 40,
  retireOrdered: 41,
  overdueGateway: 44,
  overdueTicket: 48,
  leftGateway: 52,
  leftTicket: 56,
  progress: 64,
  alive: 72,
  endedGateway: 80,
  endedTicket: 84,
} as const;

export const SLOT_FREE = 0;
export const SLOT_IDLE = 1;
export const SLOT_CLAIMED = 2;
export const SLOT_WORKING = 3;
export const SLOT_RETIRING = 4;

/** Offsets in a reply frame's header. */
export const FRAME = {
  payloadLength: 0,
  kind: 4,
  flags: 5,
  status: 6,
  ticket: 8,
  key: 12,
  headLength: 16,
  contentLength: 24,
  claimed: 32,
  headerBytes: 40,
} as const;

export const FRAME_HELLO = 1;
export const FRAME_WHOLE = 2;
export const FRAME_HEAD = 3;
export const FRAME_BODY = 4;
export const FRAME_END = 5;
export const FRAME_FAIL = 6;
export const FRAME_EARLY_HINTS = 7;
export const FRAME_FILE = 8;

/** Offsets in the payload of a FILE frame; the head follows, then the path. */
export const FILE = {
  device: 0,
  inode: 8,
  offset: 16,
  length: 24,
  headLength: 32,
  infoBytes: 40,
} as const;

/** Offsets in the answer to a FILE frame. */
export const FILE_ANSWER = { ticket: 0, answer: 4, bytes: 5 } as const;

/** The worker sends the body itself. */
export const FILE_REFUSED = 0;
/** The gateway has all bytes of it that it needs. */
export const FILE_COPIED = 1;
/** The gateway reads it as the client takes it, and closes the stream when it has read the last byte. */
export const FILE_KEPT = 2;

/** Up to so many bytes of a file are copied; more are offered on a stream of their own. */
export const FILE_COPY_BYTES = 262144;

/** Frame flag: the application sent `Connection: close`. */
export const FLAG_CLOSE = 1;

/** How long a withdrawn ticket that looks lost is watched before its request is enqueued anew, ms (PROTOCOL.md §3). */
export const LOST_TICKET_GRACE_MS = 50;

/** File names in the run directory. */
export const TICKETS_FILE = "tickets";
export const SCOREBOARD_FILE = "scoreboard";
export const arenaFile = (gateway: number): string => `arena-${gateway}`;
export const stacksFile = (age: number): string => `stacks-${age}`;
export const repliesFile = (gateway: number): string => `replies-${gateway}`;
