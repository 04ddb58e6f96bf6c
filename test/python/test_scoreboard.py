"""A thread's slot of the scoreboard, as the other side would read it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunicorn.layout import (
    PROTOCOL_VERSION,
    SCOREBOARD_HEADER,
    SCOREBOARD_HEADER_BYTES,
    SCOREBOARD_MAGIC,
    SLOT_BUSY,
    SLOT_BYTES,
    SLOT_CLAIM,
    SLOT_IDENTITY,
    SLOT_IDLE,
    SLOT_RETIRING,
    SLOT_WORK,
    SLOT_WORK_OFFSET,
)
from tunicorn.scoreboard import Slot, open_scoreboard

NOW = 1000.5  # seconds
AGE = 3
GENERATION = 2


def write_scoreboard(
    path: Path,
    *,
    slots: int = 3,
    magic: int = SCOREBOARD_MAGIC,
    version: int = PROTOCOL_VERSION,
    slot_bytes: int = SLOT_BYTES,
) -> str:
    header = SCOREBOARD_HEADER.pack(magic, version, slots, slot_bytes)
    path.write_bytes(header.ljust(SCOREBOARD_HEADER_BYTES, b"\0") + bytes(slots * SLOT_BYTES))
    return str(path)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mmap.mmap]:
    monkeypatch.setattr("tunicorn.scoreboard.monotonic", lambda: NOW)
    with open_scoreboard(write_scoreboard(tmp_path / "scoreboard")) as opened:
        yield opened


def work(board: mmap.mmap, number: int) -> tuple[int, int, int, float, int]:
    """State, gateway, ticket, started (ms), served."""
    offset = SCOREBOARD_HEADER_BYTES + number * SLOT_BYTES + SLOT_WORK_OFFSET
    state, gateway, ticket, started, served = SLOT_WORK.unpack_from(board, offset)
    return state, gateway, ticket, started, served


def test_who_sees_busy_sees_what_with(board: mmap.mmap, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arbiter takes a time of 0 for a request that has run since the machine was started."""
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    seen = []

    class Watched:
        def pack_into(self, buffer: mmap.mmap, offset: int, *words: float) -> None:
            SLOT_CLAIM.pack_into(buffer, offset, *words)
            seen.append(work(board, 1))

    monkeypatch.setattr("tunicorn.scoreboard.SLOT_CLAIM", Watched())
    slot.busy(4, 77)
    assert seen == [(SLOT_IDLE, 4, 77, NOW * 1e3, 0)]
    assert work(board, 1) == (SLOT_BUSY, 4, 77, NOW * 1e3, 0)


def test_a_slot_tells_what_its_thread_is_doing(board: mmap.mmap) -> None:
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    offset = SCOREBOARD_HEADER_BYTES + SLOT_BYTES
    assert SLOT_IDENTITY.unpack_from(board, offset) == (AGE, os.getpid(), GENERATION)
    assert work(board, 1) == (SLOT_IDLE, 0, 0, 0.0, 0)
    slot.busy(7, 77)
    assert work(board, 1) == (SLOT_BUSY, 7, 77, NOW * 1e3, 0)
    slot.idle()
    assert work(board, 1) == (SLOT_IDLE, 0, 0, 0.0, 1)
    slot.busy(7, 78)
    slot.dropped()
    assert work(board, 1) == (SLOT_IDLE, 0, 0, 0.0, 1), "a dropped ticket was not served"
    slot.busy(7, 79)
    assert work(board, 1)[4] == 1, "what was served is kept during the next request"
    slot.retiring()
    assert work(board, 1) == (SLOT_RETIRING, 0, 0, 0.0, 1)


def test_slots_do_not_touch_each_other(board: mmap.mmap) -> None:
    for number in range(3):
        Slot(board, number).occupy(AGE + number, GENERATION)
        Slot(board, number).busy(number, number)
    assert [work(board, number)[2] for number in range(3)] == [0, 1, 2]


def test_the_next_worker_on_a_slot_begins_anew(board: mmap.mmap) -> None:
    old = Slot(board, 0)
    old.occupy(AGE, GENERATION)
    old.idle()
    old.busy(7, 77)
    old.retire_seen()
    new = Slot(board, 0)
    new.reserve()
    assert not new.has_seen_retire(), "already before it boots, or an order to retire would not be repeated"
    new.occupy(AGE + 1, GENERATION)
    assert work(board, 0) == (SLOT_IDLE, 0, 0, 0.0, 0)
    assert not new.has_seen_retire()


def test_the_order_to_retire_is_seen_by_another_process_that_has_the_slot(board: mmap.mmap) -> None:
    zygote, worker = Slot(board, 2), Slot(board, 2)
    worker.occupy(AGE, GENERATION)
    assert not zygote.has_seen_retire()
    worker.retire_seen()
    assert zygote.has_seen_retire()
    worker.busy(1, 2)
    worker.idle()
    assert zygote.has_seen_retire()


@pytest.mark.parametrize(
    "wrong", [{"magic": 1}, {"version": PROTOCOL_VERSION + 1}, {"slot_bytes": SLOT_BYTES * 2}]
)
def test_a_scoreboard_of_another_version_is_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    path = tmp_path / "scoreboard"
    header = {"magic": SCOREBOARD_MAGIC, "version": PROTOCOL_VERSION, "slot_bytes": SLOT_BYTES, **wrong}
    write_scoreboard(path, magic=header["magic"], version=header["version"], slot_bytes=header["slot_bytes"])
    with pytest.raises(RuntimeError, match=f"is not of queue protocol version {PROTOCOL_VERSION}"):
        open_scoreboard(str(path))
