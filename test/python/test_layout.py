"""The golden frames of test/vectors/queue: what TypeScript checks on its side, Python checks here."""

from __future__ import annotations

import json
import mmap
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tunicorn import layout
from tunicorn.arena import Arenas
from tunicorn.reply import ReplyStream
from tunicorn.response_head import ResponseHead
from tunicorn.scoreboard import Slot

VECTORS = Path(__file__).parents[1] / "vectors" / "queue"
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    loaded: list[Case] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return loaded


def bytes_of(case: Case) -> bytes:
    return bytes.fromhex("".join(case["hex"]))


def each(name: str) -> pytest.MarkDecorator:
    found = cases(name)
    return pytest.mark.parametrize("case", found, ids=[case["title"] for case in found])


def test_constants_and_file_names_are_those_of_the_other_side() -> None:
    expected = json.loads((VECTORS / "layout.json").read_text())
    for name, value in expected["constants"].items():
        assert getattr(layout, name) == value, name
    assert layout.arena_file(7) == expected["files"]["arena"]
    assert layout.replies_file(7) == expected["files"]["replies"]
    offsets = expected["offsets"]
    assert offsets["record"]["headerBytes"] == layout.RECORD_HEADER_BYTES
    assert offsets["frame"]["headerBytes"] == layout.FRAME_HEADER.size
    assert offsets["slot"]["state"] == layout.SLOT_WORK_OFFSET
    assert offsets["slot"]["retireSeen"] == layout.SLOT_RETIRE_SEEN_OFFSET


@each("tickets")
def test_tickets_are_read(case: Case) -> None:
    assert layout.TICKET.unpack(bytes_of(case)) == tuple(case["fields"].values())


@each("records")
def test_records_become_environ_and_body(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = case["fields"]
    offset = 24
    (tmp_path / layout.arena_file(7)).write_bytes(b"\xff" * offset + bytes_of(case))
    monkeypatch.setattr("tunicorn.arena.monotonic", lambda: 0.0)  # every deadline lies ahead
    arenas = Arenas(str(tmp_path))
    request = arenas.read(7, fields["id"], offset, len(bytes_of(case)))
    assert arenas.is_probe(7, fields["id"], offset) == (fields["state"] == layout.RECORD_PROBE)
    if fields["state"] != layout.RECORD_READY or fields["bodyKind"] == layout.BODY_SPOOLED:
        assert request is None, "withdrawn, a probe, or its spool file is gone"
        return
    assert request is not None
    environ, body = request
    expected = {name: value * (times[0] if times else 1) for name, value, *times in case["environ"]}
    assert environ == expected
    assert body.read().decode("latin-1") == case["body"]


def test_a_spooled_body_is_the_named_file(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(b"large")
    environ = b"{0"
    header = layout.RECORD_HEADER.pack(
        5, layout.RECORD_READY, layout.BODY_SPOOLED, 2, len(os.fsencode(spool)), 0.0, 0.0
    )
    (tmp_path / layout.arena_file(1)).write_bytes(header + environ + os.fsencode(spool))
    arenas = Arenas(str(tmp_path))
    request = arenas.read(1, 5, 0, 0)
    assert request is not None
    with request[1] as body:
        assert body.read() == b"large"
    spool.unlink()
    assert arenas.read(1, 5, 0, 0) is None, "withdrawn just now"
    assert arenas.read(1, 6, 0, 0) is None, "stale"
    assert arenas.read(2, 5, 0, 0) is None, "of a gateway that is gone"


@each("scoreboard-slots")
def test_slots_are_written(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = case["fields"]
    board = mmap.mmap(-1, layout.SCOREBOARD_HEADER_BYTES + 2 * layout.SLOT_BYTES)
    if fields["age"] == 0:
        return  # what nobody has written
    slot = Slot(board, 1)
    monkeypatch.setattr(os, "getpid", lambda: fields["pid"])
    monkeypatch.setattr("tunicorn.scoreboard.monotonic", lambda: fields["started"] / 1e3)
    slot.occupy(fields["age"], fields["generation"])
    for _ in range(min(fields["served"], 10)):
        slot.busy(9, 9)
        slot.idle()
    if fields["served"] > 10:
        monkeypatch.setattr(slot, "_served", fields["served"] - 1)
        slot.idle()
    if fields["state"] == layout.SLOT_BUSY:
        slot.busy(fields["gateway"], fields["ticket"])
    if fields["state"] == layout.SLOT_RETIRING:
        slot.retiring()
    if fields["retireSeen"]:
        slot.retire_seen()
    start = layout.SCOREBOARD_HEADER_BYTES + layout.SLOT_BYTES
    assert board[start : start + layout.SLOT_BYTES] == bytes_of(case)
    assert slot.has_seen_retire() == bool(fields["retireSeen"])


@pytest.mark.parametrize("kind", ["whole", "head", "body", "end", "fail", "early-hints"])
def test_reply_frames_are_written(kind: str, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / layout.replies_file(1)))
    listener.listen()
    stream = ReplyStream(str(tmp_path), 1, 2, 3)
    accepted = listener.accept()[0]
    hello = layout.FRAME_HEADER.unpack(accepted.recv(layout.FRAME_HEADER.size))
    assert hello == (0, layout.FRAME_HELLO, 0, layout.PROTOCOL_VERSION, 2, 3, os.getpid())
    for case in cases(f"frame-{kind}"):
        expected = bytes_of(case)
        if len(expected) - layout.FRAME_HEADER.size < case["fields"]["payloadLength"]:
            continue  # a part of a long frame
        send(stream, kind, case)
        received = b""
        while len(received) < len(expected):
            received += accepted.recv(65536)
        assert received == expected, case["title"]
    stream.close()
    accepted.close()
    listener.close()


def send(stream: ReplyStream, kind: str, case: Case) -> None:
    ticket = case["fields"]["ticket"]
    head = case.get("head", "")
    body = case.get("body", "").encode("latin-1")
    match kind:
        case "whole":
            stream.whole(ticket, head_of(case, head), body)
        case "head":
            stream.head(ticket, head_of(case, head), body)
        case "body":
            stream.body(ticket, body)
        case "end":
            stream.end(ticket)
        case "fail":
            stream.fail(ticket)
        case "early-hints":
            stream.early_hints(ticket, head.encode("latin-1"))


def head_of(case: Case, text: str) -> ResponseHead:
    """From the head's own text, so that the validation is part of it."""
    status, *lines = text.removesuffix("\r\n").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    if case["fields"]["flags"] & layout.FLAG_CLOSE:
        headers.append(("Connection", "close"))
    return ResponseHead(status, headers)
