"""One worker thread's slot of the shared scoreboard: what it works on, since when, how much it has served.

Deadlines, status, metrics and the answer for a worker that died are made from it. There is no heartbeat.
The claim is written before the record is looked at; PROTOCOL.md §3 says why.

Runs in: worker (writes its own slots), zygote (opens the file and maps it before it forks).
"""

from __future__ import annotations

import mmap
import os
from time import monotonic

from .layout import (
    PROTOCOL_VERSION,
    SCOREBOARD_HEADER,
    SCOREBOARD_HEADER_BYTES,
    SCOREBOARD_MAGIC,
    SLOT_BUSY,
    SLOT_BYTES,
    SLOT_CLAIM,
    SLOT_CLAIM_OFFSET,
    SLOT_IDENTITY,
    SLOT_IDLE,
    SLOT_OVERDUE,
    SLOT_OVERDUE_OFFSET,
    SLOT_RETIRE_SEEN_OFFSET,
    SLOT_RETIRING,
    SLOT_WORK,
    SLOT_WORK_OFFSET,
)


def open_scoreboard(path: str) -> mmap.mmap:
    """Maps the file for writing. Raises RuntimeError when it is of another protocol version."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        board = mmap.mmap(descriptor, 0)
    finally:
        os.close(descriptor)
    magic, version, _, slot_bytes = SCOREBOARD_HEADER.unpack_from(board, 0)
    if (magic, version, slot_bytes) != (SCOREBOARD_MAGIC, PROTOCOL_VERSION, SLOT_BYTES):
        raise RuntimeError(f"scoreboard {path!r} is not of queue protocol version {PROTOCOL_VERSION}")
    return board


class Slot:
    """The slot of one thread."""

    __slots__ = (
        "_board",
        "_claim_offset",
        "_identity_offset",
        "_overdue_offset",
        "_served",
        "_work_offset",
        "number",
    )

    def __init__(self, board: mmap.mmap, number: int) -> None:
        self._board = board
        self._identity_offset = SCOREBOARD_HEADER_BYTES + number * SLOT_BYTES
        self._work_offset = self._identity_offset + SLOT_WORK_OFFSET
        self._claim_offset = self._identity_offset + SLOT_CLAIM_OFFSET
        self._overdue_offset = self._identity_offset + SLOT_OVERDUE_OFFSET
        self._served = 0
        self.number = number

    def occupy(self, age: int, generation: int) -> None:
        SLOT_WORK.pack_into(self._board, self._work_offset, SLOT_IDLE, 0, 0, 0.0, 0)
        self._board[self._identity_offset + SLOT_RETIRE_SEEN_OFFSET] = 0
        self.set_overdue(0, 0)
        SLOT_IDENTITY.pack_into(self._board, self._identity_offset, age, os.getpid(), generation)

    def busy(self, gateway: int, ticket: int) -> float:
        """Returns the moment that it notes, ms. The state comes last: who sees it sees what it is about."""
        now = monotonic() * 1e3
        SLOT_CLAIM.pack_into(self._board, self._claim_offset, gateway, ticket, now)
        self._board[self._work_offset] = SLOT_BUSY
        return now

    def dropped(self) -> None:
        """A ticket was claimed that nobody wants any more."""
        SLOT_WORK.pack_into(self._board, self._work_offset, SLOT_IDLE, 0, 0, 0.0, self._served)

    def idle(self) -> None:
        """A request was served."""
        self._served += 1
        SLOT_WORK.pack_into(self._board, self._work_offset, SLOT_IDLE, 0, 0, 0.0, self._served)

    @property
    def served(self) -> int:
        """Requests, since the worker was forked."""
        return self._served

    def retiring(self) -> None:
        SLOT_WORK.pack_into(self._board, self._work_offset, SLOT_RETIRING, 0, 0, 0.0, self._served)

    def reserve(self) -> None:
        """Before the fork of the worker that will occupy it: what an earlier one has seen does not count."""
        self._board[self._identity_offset + SLOT_RETIRE_SEEN_OFFSET] = 0

    def set_overdue(self, gateway: int, ticket: int) -> None:
        """The zygote: the request that is to be ended. The signal comes after it."""
        SLOT_OVERDUE.pack_into(self._board, self._overdue_offset, gateway, ticket)

    def overdue(self) -> tuple[int, int]:
        gateway, ticket = SLOT_OVERDUE.unpack_from(self._board, self._overdue_offset)
        return gateway, ticket

    def retire_seen(self) -> None:
        """The order to retire has arrived; the zygote repeats it until then. Safe in a signal handler."""
        self._board[self._identity_offset + SLOT_RETIRE_SEEN_OFFSET] = 1

    def has_seen_retire(self) -> bool:
        return self._board[self._identity_offset + SLOT_RETIRE_SEEN_OFFSET] == 1
