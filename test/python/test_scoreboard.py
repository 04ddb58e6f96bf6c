"""A thread's slot of the scoreboard, as the other side would read it."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tunicorn.layout import (
    PROTOCOL_VERSION,
    SCOREBOARD_HEADER,
    SCOREBOARD_HEADER_BYTES,
    SCOREBOARD_MAGIC,
    SLOT_BYTES,
    SLOT_CLAIMED,
    SLOT_IDLE,
    SLOT_RETIRING,
    SLOT_WORKING,
)
from tunicorn.scoreboard import Slot, open_scoreboard

NOW = 1000.5  # seconds
AGE = 3
GENERATION = 2

# PROTOCOL.md §4, in the words of the other side: age, pid, generation, state, gateway, ticket, started ms, served.
SLOT = struct.Struct("<3IB3xIIdQ")


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
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> mmap.mmap:
    monkeypatch.setattr("tunicorn.scoreboard.monotonic", lambda: NOW)
    return open_scoreboard(write_scoreboard(tmp_path / "scoreboard"))


def work(board: mmap.mmap, number: int) -> tuple[int, int, int, float, int]:
    """State, gateway, ticket, started (ms), served."""
    _, _, _, *rest = SLOT.unpack_from(board, SCOREBOARD_HEADER_BYTES + number * SLOT_BYTES)
    state, gateway, ticket, started, served = rest
    return state, gateway, ticket, started, served


def test_what_others_wrote_over_a_slot_lasts_until_the_next_claim(board: mmap.mmap) -> None:
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    slot.claimed(7, 77)
    slot.idle()
    start = SCOREBOARD_HEADER_BYTES + SLOT_BYTES
    board[start : start + SLOT_BYTES] = b"\xff" * SLOT_BYTES
    slot.claimed(7, 78)
    assert SLOT.unpack_from(board, start)[:2] == (AGE, os.getpid())
    slot.working()
    slot.idle()
    assert work(board, 1) == (SLOT_IDLE, 7, 78, NOW * 1e3, 2)


def test_who_sees_a_claim_sees_what_is_claimed(board: mmap.mmap, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arbiter takes a time of 0 for a request that has run since the machine was started."""
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    seen = []

    class Watched:
        def __init__(self, memory: memoryview) -> None:
            self._memory = memory

        def __setitem__(self, index: int, value: int) -> None:
            seen.append(work(board, 1))
            self._memory[index] = value

    monkeypatch.setattr(slot, "_u8", Watched(slot._u8))  # noqa: SLF001
    slot.claimed(4, 77)
    assert seen == [(SLOT_IDLE, 4, 77, NOW * 1e3, 0)]
    assert work(board, 1) == (SLOT_CLAIMED, 4, 77, NOW * 1e3, 0)


def test_a_slot_tells_what_its_thread_is_doing(board: mmap.mmap) -> None:
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    identity = SLOT.unpack_from(board, SCOREBOARD_HEADER_BYTES + SLOT_BYTES)[:3]
    assert identity == (AGE, os.getpid(), GENERATION)
    assert work(board, 1) == (SLOT_IDLE, 0, 0, 0.0, 0)
    slot.claimed(7, 77)
    assert work(board, 1) == (SLOT_CLAIMED, 7, 77, NOW * 1e3, 0)
    slot.working()
    assert work(board, 1) == (SLOT_WORKING, 7, 77, NOW * 1e3, 0)
    slot.idle()
    assert work(board, 1) == (SLOT_IDLE, 7, 77, NOW * 1e3, 1), "the latest request stays noted"
    slot.claimed(7, 78)
    slot.dropped()
    assert work(board, 1) == (SLOT_IDLE, 7, 0, NOW * 1e3, 1), "a dropped ticket was not begun"
    slot.claimed(7, 79)
    assert work(board, 1)[4] == 1, "what was served is kept during the next request"
    slot.retiring()
    assert work(board, 1) == (SLOT_RETIRING, 7, 79, NOW * 1e3, 1)


WRITER = """
import sys
from tunicorn.scoreboard import Slot, open_scoreboard
slot = Slot(open_scoreboard(sys.argv[1]), 0)
slot.occupy(3, 2)
slot.claimed(5, 77)
slot.idle()
print("written", flush=True)
while True:
    for _ in range(1000):
        slot.claimed(5, 77)
        slot.working()
        slot.idle()
"""


def test_a_reader_sees_no_field_half_written(tmp_path: Path) -> None:
    """A second process reads while the first writes as fast as it can: no zero comes between two true values."""
    path = write_scoreboard(tmp_path / "scoreboard")
    package = Path(__file__).parents[2] / "python"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(package)},
    ) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"written\n"
        try:
            reader = os.open(path, os.O_RDONLY)
            seen: set[int] = set()
            reads, latest, began = 0, 0, 0.0
            # Until the two have run at the same time for long enough, however busy the machine is.
            while reads < 100_000 or latest < 10_000 or seen != {SLOT_IDLE, SLOT_CLAIMED, SLOT_WORKING}:
                reads += 1
                record = SLOT.unpack(os.pread(reader, SLOT.size, SCOREBOARD_HEADER_BYTES))
                age, pid, generation, state, gateway, ticket, started, served = record
                assert (age, pid, generation, gateway, ticket) == (3, writer.pid, 2, 5, 77)
                assert served >= latest > 0 or latest == 0
                assert started >= began
                latest, began = served, started
                seen.add(state)
            os.close(reader)
        finally:
            writer.kill()


def test_a_slot_that_was_let_go_changes_nothing_that_others_see(board: mmap.mmap) -> None:
    slot = Slot(board, 1)
    slot.occupy(AGE, GENERATION)
    slot.claimed(7, 77)
    before = bytes(board)
    slot.let_go()
    slot.claimed(8, 88)
    slot.idle()
    slot.retire_seen()
    slot.retiring()
    assert bytes(board) == before


def test_slots_do_not_touch_each_other(board: mmap.mmap) -> None:
    for number in range(3):
        Slot(board, number).occupy(AGE + number, GENERATION)
        Slot(board, number).claimed(number, number)
    assert [work(board, number)[2] for number in range(3)] == [0, 1, 2]


def test_the_next_worker_on_a_slot_begins_anew(board: mmap.mmap) -> None:
    old = Slot(board, 0)
    old.occupy(AGE, GENERATION)
    old.idle()
    old.claimed(7, 77)
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
    worker.claimed(1, 2)
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
