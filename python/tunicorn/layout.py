"""The byte layout of the request queue: structs and codes.

src/queue/PROTOCOL.md is normative; src/queue/layout.ts mirrors this module; test/vectors/queue
checks both.

Runs in: zygote, worker.
"""

from __future__ import annotations

from struct import Struct

PROTOCOL_VERSION = 1

# gateway, id, offset, length
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
SLOT_BYTES = 64
SLOT_WORK_OFFSET = 12
SLOT_RETIRE_SEEN_OFFSET = 40
SLOT_OVERDUE_OFFSET = 44

# age, pid, generation
SLOT_IDENTITY = Struct("<3I")
# state, gateway, ticket, started ms, requests served; of these gateway, ticket and started ms alone
SLOT_WORK = Struct("<B3xIIdQ")
SLOT_CLAIM = Struct("<IId")
SLOT_CLAIM_OFFSET = 16
# gateway, ticket
SLOT_OVERDUE = Struct("<2I")

SLOT_FREE = 0
SLOT_IDLE = 1
SLOT_BUSY = 2
SLOT_RETIRING = 3

# payload length, kind, flags, status, ticket, head length, content length, claimed ms
FRAME_HEADER = Struct("<IBBHIIdd")

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
# ticket, whether the gateway has taken the file
FILE_ANSWER = Struct("<I?")

FLAG_CLOSE = 1

TICKETS_FILE = "tickets"
SCOREBOARD_FILE = "scoreboard"


def arena_file(gateway: int) -> str:
    return f"arena-{gateway}"


def stacks_file(age: int) -> str:
    return f"stacks-{age}"


def replies_file(gateway: int) -> str:
    return f"replies-{gateway}"
