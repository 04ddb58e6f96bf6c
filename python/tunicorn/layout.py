"""The byte layout of the request queue: structs and codes.

src/queue/PROTOCOL.md is normative; src/queue/layout.ts mirrors this module; test/vectors/queue
checks both.

Runs in: zygote, worker.
"""

from __future__ import annotations

from struct import Struct

PROTOCOL_VERSION = 2

# gateway, id, offset, key
TICKET = Struct("<4I")
TICKET_BYTES = TICKET.size

# id, state, body kind, environ length, body length, enqueued ms, claim-by ms
RECORD_HEADER = Struct("<IBBxxIIdd")
RECORD_HEADER_BYTES = RECORD_HEADER.size

RECORD_READY = 1
RECORD_WITHDRAWN = 2
RECORD_PROBE = 3

BODY_NONE = 0
BODY_INLINE = 1
BODY_SPOOLED = 2
BODY_STORED = 3

# offset, length
STORED_BODY = Struct("<2I")

SCOREBOARD_MAGIC = 0x494E5554
SCOREBOARD_HEADER = Struct("<4I")
SCOREBOARD_HEADER_BYTES = 64
SLOT_BYTES = 128

# Where the fields of a slot stand, in units of their own size: bytes, 32-bit and 64-bit words (scoreboard.py says why
# there is no Struct).
SLOT_AGE_U32 = 0
SLOT_PID_U32 = 1
SLOT_GENERATION_U32 = 2
SLOT_STATE_U8 = 12
SLOT_GATEWAY_U32 = 4
SLOT_TICKET_U32 = 5
SLOT_STARTED_F64 = 3
SLOT_SERVED_U64 = 4
SLOT_RETIRE_SEEN_U8 = 40
SLOT_RETIRE_ORDERED_U8 = 41
SLOT_OVERDUE_GATEWAY_U32 = 11
SLOT_OVERDUE_TICKET_U32 = 12
SLOT_LEFT_GATEWAY_U32 = 13
SLOT_LEFT_TICKET_U32 = 14
SLOT_PROGRESS_F64 = 8
SLOT_ALIVE_F64 = 9
SLOT_ENDED_GATEWAY_U32 = 20
SLOT_ENDED_TICKET_U32 = 21

SLOT_FREE = 0
SLOT_IDLE = 1
SLOT_CLAIMED = 2
SLOT_WORKING = 3
SLOT_RETIRING = 4

# payload length, kind, flags, status, ticket, key, head length, content length, claimed ms
FRAME_HEADER = Struct("<IBBHIII4xdd")

FRAME_HELLO = 1
FRAME_WHOLE = 2
FRAME_HEAD = 3
FRAME_BODY = 4
FRAME_END = 5
FRAME_FAIL = 6
FRAME_EARLY_HINTS = 7
FRAME_FILE = 8

# device, inode, offset, length, head length
FILE_INFO = Struct("<QQQQI4x")
# ticket, and one of these answers
FILE_ANSWER = Struct("<IB")
# The worker sends the body itself.
FILE_REFUSED = 0
# The gateway has all bytes of it that it needs.
FILE_COPIED = 1
# The gateway reads it as the client takes it, and closes the stream when it has read the last byte.
FILE_KEPT = 2

# Up to so many bytes of a file are copied; more are offered on a stream of their own.
FILE_COPY_BYTES = 262144

FLAG_CLOSE = 1

TICKETS_FILE = "tickets"
SCOREBOARD_FILE = "scoreboard"


def arena_file(gateway: int) -> str:
    return f"arena-{gateway}"


def stacks_file(age: int) -> str:
    return f"stacks-{age}"


def replies_file(gateway: int) -> str:
    return f"replies-{gateway}"
