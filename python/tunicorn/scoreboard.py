"""One worker thread's slot of the shared scoreboard: what it works on, since when, how much it has served.

Deadlines, status, metrics and the answer for a worker that died are made from it. There is no heartbeat file.
The claim is written before the record is looked at; PROTOCOL.md §3 says why.

Every field is written by one assignment to a word of shared memory, never by `struct.pack_into`: CPython fills the
packed range with zeros first, and a reader that looked in that moment saw a free slot that had served nothing.
A word that lies at a multiple of its size is read whole. So each field a reader sees is one that was true; the order
of the assignments says which fields may be believed together.

Whose slot it is is written anew with each claim: another process may have written over it.

Runs in: worker (writes its own slots), zygote (opens the file and maps it before it forks).
"""

from __future__ import annotations

import mmap
import os
import sys
from time import monotonic

from .layout import (
    PROTOCOL_VERSION,
    SCOREBOARD_HEADER,
    SCOREBOARD_HEADER_BYTES,
    SCOREBOARD_MAGIC,
    SLOT_AGE_U32,
    SLOT_ALIVE_F64,
    SLOT_BYTES,
    SLOT_CLAIMED,
    SLOT_ENDED_GATEWAY_U32,
    SLOT_ENDED_TICKET_U32,
    SLOT_GATEWAY_U32,
    SLOT_GENERATION_U32,
    SLOT_IDLE,
    SLOT_LEFT_GATEWAY_U32,
    SLOT_LEFT_TICKET_U32,
    SLOT_OVERDUE_GATEWAY_U32,
    SLOT_OVERDUE_TICKET_U32,
    SLOT_PROGRESS_F64,
    SLOT_RETIRE_ORDERED_U8,
    SLOT_RETIRE_SEEN_U8,
    SLOT_RETIRING,
    SLOT_SERVED_U64,
    SLOT_STARTED_F64,
    SLOT_STATE_U8,
    SLOT_TICKET_U32,
    SLOT_WORKING,
)

# Age and pid, side by side.
_IDENTITY_U64 = 0


def open_scoreboard(path: str) -> mmap.mmap:
    """Maps the file for writing. Raises RuntimeError when it is of another protocol version."""
    if sys.byteorder != "little":
        raise RuntimeError("the queue protocol needs a little-endian machine")
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

    __slots__ = ("_f64", "_identity", "_served", "_u8", "_u32", "_u64", "number")

    def __init__(self, board: mmap.mmap | bytearray, number: int) -> None:
        start = SCOREBOARD_HEADER_BYTES + number * SLOT_BYTES
        self._map(memoryview(board)[start : start + SLOT_BYTES])
        self._served = 0
        # Age and pid, in one word.
        self._identity = 0
        self.number = number

    def _map(self, memory: memoryview) -> None:
        self._u8 = memory
        self._u32 = memory.cast("I")
        self._f64 = memory.cast("d")
        self._u64 = memory.cast("Q")

    def let_go(self) -> None:
        """In a child of the application, where the board is not mapped: what is written from now on reaches nobody."""
        self._map(memoryview(bytearray(SLOT_BYTES)))

    def occupy(self, age: int, generation: int) -> None:
        """A worker is ready: the slot is its own. What an earlier worker left in it is gone before the age says so."""
        self._u32[SLOT_AGE_U32] = 0
        self._u8[SLOT_STATE_U8] = SLOT_IDLE
        self._u32[SLOT_GATEWAY_U32] = 0
        self._u32[SLOT_TICKET_U32] = 0
        self._f64[SLOT_STARTED_F64] = 0.0
        self._u64[SLOT_SERVED_U64] = 0
        self._f64[SLOT_PROGRESS_F64] = 0.0
        self._f64[SLOT_ALIVE_F64] = 0.0
        self._u8[SLOT_RETIRE_SEEN_U8] = 0
        self.set_overdue(0, 0)
        self._u32[SLOT_GENERATION_U32] = generation
        self._identity = age | os.getpid() << 32
        self.identify()

    def identify(self) -> None:
        self._u64[_IDENTITY_U64] = self._identity

    def claimed(self, gateway: int, ticket: int) -> float:
        """Returns the moment that it notes, ms. The state comes last: who sees it sees what it is about."""
        now = monotonic() * 1e3
        self._u64[_IDENTITY_U64] = self._identity
        self._u32[SLOT_GATEWAY_U32] = gateway
        self._u32[SLOT_TICKET_U32] = ticket
        self._f64[SLOT_STARTED_F64] = now
        self._u8[SLOT_STATE_U8] = SLOT_CLAIMED
        return now

    def working(self) -> None:
        """The record is copied: its gateway may use the place again."""
        self._u8[SLOT_STATE_U8] = SLOT_WORKING

    def dropped(self) -> None:
        """A ticket was claimed that nobody wants any more. It is noted no longer: what stays noted has begun."""
        self._u32[SLOT_TICKET_U32] = 0
        self._u8[SLOT_STATE_U8] = SLOT_IDLE

    def idle(self) -> None:
        """A request was served."""
        self._served += 1
        self._u64[SLOT_SERVED_U64] = self._served
        self._u8[SLOT_STATE_U8] = SLOT_IDLE

    @property
    def served(self) -> int:
        """Requests, since the worker was forked."""
        return self._served

    def retiring(self) -> None:
        self._u8[SLOT_STATE_U8] = SLOT_RETIRING

    def is_busy(self) -> bool:
        return self._u8[SLOT_STATE_U8] in (SLOT_CLAIMED, SLOT_WORKING)

    def reserve(self) -> None:
        """Before the fork of the worker that will occupy it: what an earlier one was ordered, or has seen, does not
        count."""
        self._u8[SLOT_RETIRE_ORDERED_U8] = 0
        self._u8[SLOT_RETIRE_SEEN_U8] = 0

    def order_to_retire(self) -> None:
        """The zygote. The signals come after it."""
        self._u8[SLOT_RETIRE_ORDERED_U8] = 1

    def is_ordered_to_retire(self) -> bool:
        return self._u8[SLOT_RETIRE_ORDERED_U8] == 1

    def set_overdue(self, gateway: int, ticket: int) -> None:
        """The zygote: the request that is to be ended. The signal comes after it."""
        self._u32[SLOT_OVERDUE_GATEWAY_U32] = gateway
        self._u32[SLOT_OVERDUE_TICKET_U32] = ticket

    def overdue(self) -> tuple[int, int]:
        return self._u32[SLOT_OVERDUE_GATEWAY_U32], self._u32[SLOT_OVERDUE_TICKET_U32]

    def waits(self) -> None:
        """From here on it is the gateway that is waited for, and so perhaps a slow client. The moment of the claim
        tells this from the wait of an earlier request, which an exception may have left here."""
        self._f64[SLOT_PROGRESS_F64] = -self._f64[SLOT_STARTED_F64]

    def moves_on(self) -> None:
        """The gateway has taken a part of the response."""
        self._f64[SLOT_PROGRESS_F64] = monotonic() * 1e3

    def is_alive(self) -> None:
        """The main thread of a worker with threads runs."""
        self._f64[SLOT_ALIVE_F64] = monotonic() * 1e3

    def client_has_left(self, gateway: int, ticket: int) -> bool:
        return self._u32[SLOT_LEFT_TICKET_U32] == ticket and self._u32[SLOT_LEFT_GATEWAY_U32] == gateway

    def client_has_ended(self, gateway: int, ticket: int) -> bool:
        """It sends no more, which is how a client leaves; but it may still read."""
        return self._u32[SLOT_ENDED_TICKET_U32] == ticket and self._u32[SLOT_ENDED_GATEWAY_U32] == gateway

    def retire_seen(self) -> None:
        """The order to retire has arrived; the zygote repeats it until then. Safe in a signal handler."""
        self._u8[SLOT_RETIRE_SEEN_U8] = 1

    def ask_to_retire(self) -> None:
        """It was told to leave, but not by the arbiter, which may want it a little longer. Safe in a signal handler."""
        self._u8[SLOT_RETIRE_SEEN_U8] = 2

    def has_seen_retire(self) -> bool:
        return self._u8[SLOT_RETIRE_SEEN_U8] == 1
