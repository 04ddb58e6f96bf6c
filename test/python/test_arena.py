"""Reading the records that tickets point to."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tunicorn.arena import Arenas
from tunicorn.layout import (
    BODY_INLINE,
    BODY_NONE,
    BODY_SPOOLED,
    BODY_STORED,
    RECORD_HEADER,
    RECORD_PROBE,
    RECORD_READY,
    RECORD_WITHDRAWN,
    STORED_BODY,
    arena_file,
)

GATEWAY = 3
TICKET = 7
NOW = 1000.0  # seconds
ENVIRON = b"{Z\x08HTTP_X_Az\x01b0"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunicorn.arena.monotonic", lambda: NOW)


def record(
    *,
    ticket: int = TICKET,
    state: int = RECORD_READY,
    kind: int = BODY_NONE,
    body: bytes = b"",
    claim_by_ms: float = 0.0,
) -> bytes:
    header = RECORD_HEADER.pack(ticket, state, kind, len(ENVIRON), len(body), NOW * 1e3, claim_by_ms)
    return header + ENVIRON + body


def arenas(directory: Path, *records: bytes) -> Arenas:
    (directory / arena_file(GATEWAY)).write_bytes(b"".join(records))
    return Arenas(str(directory))


def test_a_record_is_read_where_its_ticket_says(tmp_path: Path) -> None:
    first, second = record(ticket=1, kind=BODY_INLINE, body=b"other"), record(kind=BODY_INLINE, body=b"body")
    request = arenas(tmp_path, first, second).read(GATEWAY, TICKET, len(first))
    assert request is not None
    environ, body = request
    assert environ == {"HTTP_X_A": "b"}
    assert body.read() == b"body"


@pytest.mark.parametrize("kind", [BODY_INLINE, BODY_STORED])
def test_a_record_that_ended_beyond_the_file_when_it_was_mapped_is_read(tmp_path: Path, kind: int) -> None:
    first = record(ticket=1)
    if kind == BODY_INLINE:
        whole = first + record(kind=kind, body=b"body")
        mapped = len(first) + RECORD_HEADER.size + 1
    else:
        stored_at = len(first) + len(record(kind=kind, body=bytes(STORED_BODY.size)))
        whole = first + record(kind=kind, body=STORED_BODY.pack(stored_at, 4)) + b"body"
        mapped = stored_at + 1
    cut = arenas(tmp_path, whole[:mapped])
    assert cut.read(GATEWAY, 1, 0) is not None
    (tmp_path / arena_file(GATEWAY)).write_bytes(whole)
    request = cut.read(GATEWAY, TICKET, len(first))
    assert request is not None
    assert request[1].read() == b"body"


def test_keys_of_the_environ_are_interned(tmp_path: Path) -> None:
    request = arenas(tmp_path, record()).read(GATEWAY, TICKET, 0)
    assert request is not None
    [key] = request[0]
    assert key is sys.intern("HTTP_X_A")


def test_a_request_without_a_body_has_an_empty_input(tmp_path: Path) -> None:
    request = arenas(tmp_path, record()).read(GATEWAY, TICKET, 0)
    assert request is not None
    assert request[1].read() == b""


def test_a_request_is_a_copy_so_that_its_place_may_be_used_again(tmp_path: Path) -> None:
    written = record(kind=BODY_INLINE, body=b"body")
    arena = arenas(tmp_path, written)
    request = arena.read(GATEWAY, TICKET, 0)
    with (tmp_path / arena_file(GATEWAY)).open("r+b") as file:
        file.write(b"x" * len(written))
    assert request is not None
    assert request[0] == {"HTTP_X_A": "b"}
    assert request[1].read() == b"body"


def test_a_spooled_body_is_read_from_its_file_as_from_any_file(tmp_path: Path) -> None:
    spool = tmp_path / "b\xf6dy"
    spool.write_bytes(b"line 1\nline 2\n")
    request = arenas(tmp_path, record(kind=BODY_SPOOLED, body=os.fsencode(spool))).read(GATEWAY, TICKET, 0)
    assert request is not None
    with request[1] as body:
        assert isinstance(body, io.BufferedReader)
        assert body.readline() == b"line 1\n"
        assert list(body) == [b"line 2\n"]


def stored_record(content: bytes) -> bytes:
    """A record, and behind it the body that it points to."""
    size = len(record()) + STORED_BODY.size
    return record(kind=BODY_STORED, body=STORED_BODY.pack(size, len(content))) + content


def test_a_stored_body_is_a_copy_of_where_its_record_points_to(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    written = stored_record(content)
    arena = arenas(tmp_path, written)
    request = arena.read(GATEWAY, TICKET, 0)
    with (tmp_path / arena_file(GATEWAY)).open("r+b") as file:
        file.write(b"x" * len(written))
    assert request is not None
    assert request[1].read() == content


@pytest.mark.parametrize(
    "changed", [{"state": RECORD_WITHDRAWN}, {"ticket": TICKET + 1}], ids=["withdrawn", "another request's"]
)
def test_a_stored_body_that_may_be_anothers_is_not_served(
    changed: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = arenas(tmp_path, stored_record(b"body"))

    def while_it_is_copied(body: bytes) -> tuple[int, int]:
        with (tmp_path / arena_file(GATEWAY)).open("r+b") as file:
            file.write(RECORD_HEADER.pack(*_header(**changed)))
        return 0, 1

    monkeypatch.setattr(
        "tunicorn.arena.STORED_BODY", SimpleNamespace(size=STORED_BODY.size, unpack=while_it_is_copied)
    )
    assert arena.read(GATEWAY, TICKET, 0) is None


def _header(ticket: int = TICKET, state: int = RECORD_READY) -> tuple[int, int, int, int, int, float, float]:
    return ticket, state, BODY_STORED, len(ENVIRON), STORED_BODY.size, NOW * 1e3, 0.0


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(record(state=RECORD_WITHDRAWN), id="withdrawn"),
        pytest.param(record(ticket=TICKET + 1), id="stale: the place is another request's by now"),
        pytest.param(record(claim_by_ms=NOW * 1e3 - 1), id="past its deadline"),
        pytest.param(record(kind=BODY_SPOOLED, body=b"/nowhere/body"), id="its spool file is gone"),
        pytest.param(record(state=RECORD_PROBE), id="a probe"),
    ],
)
def test_nothing_is_read_for_a_ticket_that_nobody_wants(written: bytes, tmp_path: Path) -> None:
    assert arenas(tmp_path, written).read(GATEWAY, TICKET, 0) is None


def test_a_record_is_read_up_to_its_deadline(tmp_path: Path) -> None:
    assert arenas(tmp_path, record(claim_by_ms=NOW * 1e3)).read(GATEWAY, TICKET, 0) is not None


def test_nothing_is_read_for_a_gateway_that_is_gone(tmp_path: Path) -> None:
    assert Arenas(str(tmp_path)).read(GATEWAY, TICKET, 0) is None


def test_an_arena_is_mapped_once_and_seen_as_it_is_written(tmp_path: Path) -> None:
    arena = arenas(tmp_path, record())
    assert arena.read(GATEWAY, TICKET, 0) is not None
    with (tmp_path / arena_file(GATEWAY)).open("r+b") as file:
        file.write(record(ticket=TICKET + 1))
    (tmp_path / arena_file(GATEWAY)).unlink()
    assert arena.read(GATEWAY, TICKET, 0) is None
    assert arena.read(GATEWAY, TICKET + 1, 0) is not None


def test_only_a_probe_of_this_ticket_is_one(tmp_path: Path) -> None:
    arena = arenas(tmp_path, record(state=RECORD_PROBE), record())
    assert not arena.is_probe(GATEWAY, TICKET, 0), "nothing of this gateway was read yet"
    arena.read(GATEWAY, TICKET, 0)
    assert arena.is_probe(GATEWAY, TICKET, 0)
    assert not arena.is_probe(GATEWAY, TICKET + 1, 0)
    assert not arena.is_probe(GATEWAY, TICKET, len(record()))


def mapped(directory: Path) -> list[str]:
    return [
        line.split("/")[-1].split()[0]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if str(directory) in line
    ]


def test_the_memory_of_a_gateway_that_is_gone_is_let_go_when_there_is_another(tmp_path: Path) -> None:
    read = arenas(tmp_path, record()).read
    assert read(GATEWAY, TICKET, 0) is not None
    assert mapped(tmp_path) == [arena_file(GATEWAY)]
    (tmp_path / arena_file(GATEWAY)).rename(tmp_path / arena_file(GATEWAY + 1))
    assert read(GATEWAY + 1, TICKET, 0) is not None
    (tmp_path / arena_file(GATEWAY + 1)).unlink()
    (tmp_path / arena_file(GATEWAY + 2)).write_bytes(record())
    assert read(GATEWAY + 2, TICKET, 0) is not None
    assert mapped(tmp_path) == [arena_file(GATEWAY + 2)]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        record()[:10],
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_NONE, 4_000_000_000, 0, 0.0, 0.0),
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_INLINE, len(ENVIRON), 4_000_000_000, 0.0, 0.0)
        + ENVIRON,
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_NONE, 4, 0, 0.0, 0.0) + b"\xff\xfe\xfd\xfc",
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_NONE, 3, 0, 0.0, 0.0) + b"{Z\xff",
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_NONE, 1, 0, 0.0, 0.0) + b"N",
        RECORD_HEADER.pack(TICKET, RECORD_READY, BODY_NONE, 5, 0, 0.0, 0.0) + b"[\xff\xff\xff\x7f",
        record(kind=99),
        record(kind=BODY_STORED, body=b"short"),
        record(kind=BODY_STORED, body=STORED_BODY.pack(4_000_000_000, 10)),
        record(kind=BODY_STORED, body=STORED_BODY.pack(0, 4_000_000_000)),
        record(kind=BODY_SPOOLED, body=b"/no\0where"),
        record(kind=BODY_SPOOLED, body=b""),
        record(kind=BODY_SPOOLED, body=b"/dev/null"),
        record(kind=BODY_SPOOLED, body=b"/tmp"),
    ],
)
def test_what_is_no_record_is_dropped(tmp_path: Path, garbage: bytes) -> None:
    arena = arenas(tmp_path, garbage)
    assert arena.read(GATEWAY, TICKET, 0) is None
    assert not arena.is_probe(GATEWAY, TICKET, 0)


@pytest.mark.parametrize("offset", [1, 8, 4096, 0xFFFFFFFF])
def test_a_ticket_that_points_elsewhere_is_dropped(tmp_path: Path, offset: int) -> None:
    arena = arenas(tmp_path, record())
    assert arena.read(GATEWAY, TICKET, offset) is None
    assert not arena.is_probe(GATEWAY, TICKET, offset)
    assert arena.read(GATEWAY, TICKET, 0) is not None


def test_a_fifo_in_the_place_of_a_spooled_body_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spool")
    written = record(kind=BODY_SPOOLED, body=os.fsencode(tmp_path / "spool"))
    assert arenas(tmp_path, written).read(GATEWAY, TICKET, 0) is None


def test_a_link_in_the_place_of_a_spooled_body_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "spool").symlink_to("secret")
    written = record(kind=BODY_SPOOLED, body=os.fsencode(tmp_path / "spool"))
    with pytest.raises(OSError, match="symbolic links"):
        arenas(tmp_path, written).read(GATEWAY, TICKET, 0)


def test_an_arena_that_was_cut_is_mapped_anew_when_it_has_grown_again(tmp_path: Path) -> None:
    first, second = record(), record(ticket=TICKET + 1)
    arena = arenas(tmp_path, first)
    assert arena.read(GATEWAY, TICKET, 0) is not None
    assert arena.read(GATEWAY, TICKET + 1, len(first)) is None
    with (tmp_path / arena_file(GATEWAY)).open("ab") as file:
        file.write(second)
    assert arena.read(GATEWAY, TICKET + 1, len(first)) is not None


def test_a_request_that_this_process_cannot_read_is_no_dropped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = arenas(tmp_path, record())

    def no_descriptor(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr("tunicorn.arena.os.open", no_descriptor)
        with pytest.raises(OSError, match="Too many open files"):
            arena.read(GATEWAY, TICKET, 0)
    assert arena.read(GATEWAY, TICKET, 0) is not None
