"""The golden frames of test/vectors/queue: what TypeScript checks on its side, Python checks here."""

from __future__ import annotations

import json
import mmap
import os
import re
import socket
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

from tunicorn import layout
from tunicorn.arena import Arenas
from tunicorn.file_wrapper import FilePart
from tunicorn.reply import ReplyStream
from tunicorn.response_head import ResponseHead
from tunicorn.scoreboard import Slot, open_scoreboard
from tunicorn.tickets import Claimer, TicketQueue

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


# Where Python has each field of a slot, and the bytes of the word that it counts in.
SLOT_WORDS = {
    name: int(name.rpartition("_")[2][1:]) // 8
    for name in vars(layout)
    if name.startswith("SLOT_") and name.endswith(("_U8", "_U32", "_U64", "_F64"))
}


def test_constants_and_file_names_are_those_of_the_other_side() -> None:
    expected = json.loads((VECTORS / "layout.json").read_text())
    # TypeScript has these among the offsets.
    own = {"RECORD_HEADER_BYTES", *SLOT_WORDS}
    constants = {
        name: value
        for name, value in vars(layout).items()
        if name.isupper() and isinstance(value, int | str) and name not in own
    }
    assert constants == expected["constants"]
    assert layout.arena_file(7) == expected["files"]["arena"]
    assert layout.replies_file(7) == expected["files"]["replies"]
    assert layout.stacks_file(7) == expected["files"]["stacks"]


def test_structs_have_the_offsets_of_the_other_side() -> None:
    offsets = json.loads((VECTORS / "layout.json").read_text())["offsets"]
    record, slot, frame = offsets["record"], offsets["slot"], offsets["frame"]
    assert record.pop("headerBytes") == layout.RECORD_HEADER.size == layout.RECORD_HEADER_BYTES
    assert frame.pop("headerBytes") == layout.FRAME_HEADER.size
    assert offsets_of(layout.RECORD_HEADER) == list(record.values())
    assert offsets_of(layout.FRAME_HEADER) == list(frame.values())
    file, answer = offsets["file"], offsets["fileAnswer"]
    stored = offsets["storedBody"]
    assert stored.pop("bytes") == layout.STORED_BODY.size
    assert offsets_of(layout.STORED_BODY) == list(stored.values())
    assert file.pop("infoBytes") == layout.FILE_INFO.size
    assert answer.pop("bytes") == layout.FILE_ANSWER.size
    assert offsets_of(layout.FILE_INFO) == list(file.values())
    assert offsets_of(layout.FILE_ANSWER) == list(answer.values())
    words = {
        name.removeprefix("SLOT_").rpartition("_")[0].lower(): getattr(layout, name) * size
        for name, size in SLOT_WORDS.items()
    }
    assert words == {re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", name): at for name, at in slot.items()}


def offsets_of(struct: Struct) -> list[int]:
    """Where each field begins: the first byte that differs when all bytes of its value do."""
    zeros = struct.unpack(bytes(struct.size))
    found = []
    for index in range(len(zeros)):
        values: list[Any] = list(zeros)
        # Each byte of it differs from zero, be it the first of an integer or of a float.
        values[index] = 1 if isinstance(zeros[index], int) else Struct("<d").unpack(b"\1" * 8)[0]
        packed = struct.pack(*values)
        found.append(len(packed) - len(packed.lstrip(b"\0")))
    return found


@each("tickets")
def test_tickets_are_read(case: Case, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / layout.TICKETS_FILE)
    queue = TicketQueue(str(tmp_path))
    writer = os.open(tmp_path / layout.TICKETS_FILE, os.O_WRONLY)
    os.write(writer, bytes_of(case))
    assert Claimer(queue).claim() == tuple(case["fields"].values())
    assert layout.TICKET.pack(*case["fields"].values()) == bytes_of(case)
    os.close(writer)
    os.close(queue.descriptor)


FRAMES = [
    f"frame-{kind}" for kind in ("hello", "whole", "head", "body", "end", "fail", "early-hints", "file")
]


@pytest.mark.parametrize(
    ("name", "struct"),
    [("records", layout.RECORD_HEADER), *((name, layout.FRAME_HEADER) for name in FRAMES)],
)
def test_structs_pack_and_unpack_the_fields(name: str, struct: Struct) -> None:
    for case in cases(name):
        fields = tuple(case["fields"].values())
        assert struct.unpack_from(bytes_of(case)) == fields, case["title"]
        assert struct.pack(*fields) == bytes_of(case)[: struct.size], case["title"]


@each("records")
def test_records_become_environ_and_body(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = case["fields"]
    offset = 24
    (tmp_path / layout.arena_file(7)).write_bytes(b"\xff" * offset + bytes_of(case))
    monkeypatch.setattr("tunicorn.arena.monotonic", lambda: 0.0)  # every deadline lies ahead
    arenas = Arenas(str(tmp_path))
    request = arenas.read(7, fields["id"], offset)
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
    request = arenas.read(1, 5, 0)
    assert request is not None
    with request[1] as body:
        assert body.read() == b"large"
    spool.unlink()
    assert arenas.read(1, 5, 0) is None, "withdrawn just now"
    assert arenas.read(1, 6, 0) is None, "stale"
    assert arenas.read(2, 5, 0) is None, "of a gateway that is gone"


@each("scoreboard-header")
def test_the_scoreboard_is_opened(case: Case, tmp_path: Path) -> None:
    path = tmp_path / layout.SCOREBOARD_FILE
    path.write_bytes(bytes_of(case) + bytes(case["fields"]["slots"] * layout.SLOT_BYTES))
    assert layout.SCOREBOARD_HEADER.unpack_from(bytes_of(case)) == tuple(case["fields"].values())
    assert len(bytes_of(case)) == layout.SCOREBOARD_HEADER_BYTES
    open_scoreboard(str(path)).close()


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
    monkeypatch.setattr(slot, "_served", fields["served"] - 1)
    if fields["served"] and fields["state"] != layout.SLOT_IDLE:
        slot.idle()
    slot.claimed(fields["gateway"], fields["ticket"])
    if fields["state"] == layout.SLOT_WORKING:
        slot.working()
    if fields["state"] == layout.SLOT_IDLE:
        slot.idle()
    if fields["state"] == layout.SLOT_RETIRING:
        slot.retiring()
    if fields["retireSeen"]:
        slot.retire_seen()
    for name, note in (("progress", slot.moves_on), ("alive", slot.is_alive)):
        if fields[name]:
            monkeypatch.setattr("tunicorn.scoreboard.monotonic", lambda name=name: fields[name] / 1e3)
            note()
    start = layout.SCOREBOARD_HEADER_BYTES + layout.SLOT_BYTES
    assert board[start : start + layout.SLOT_BYTES] == bytes_of(case)
    assert slot.has_seen_retire() == bool(fields["retireSeen"])


def slot_of_nobody(number: int) -> Slot:
    board = bytearray(layout.SCOREBOARD_HEADER_BYTES + (number + 1) * layout.SLOT_BYTES)
    return Slot(board, number)


@each("frame-hello")
def test_a_stream_begins_with_hello(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = case["fields"]
    monkeypatch.setattr(os, "getpid", lambda: int(fields["contentLength"]))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / layout.replies_file(1)))
        listener.listen()
        stream = ReplyStream(str(tmp_path), 1, fields["ticket"], slot_of_nobody(fields["headLength"]))
        with listener.accept()[0] as accepted:
            assert accepted.recv(65536) == bytes_of(case)
        stream.close()


@pytest.mark.parametrize("kind", ["whole", "head", "body", "end", "fail", "early-hints", "file"])
def test_reply_frames_are_written(kind: str, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / layout.replies_file(1)))
    listener.listen()
    stream = ReplyStream(str(tmp_path), 1, 2, slot_of_nobody(3))
    accepted = listener.accept()[0]
    hello = layout.FRAME_HEADER.unpack(accepted.recv(layout.FRAME_HEADER.size))
    assert hello == (0, layout.FRAME_HELLO, 0, layout.PROTOCOL_VERSION, 2, 0, 3, os.getpid(), 0)
    for case in cases(f"frame-{kind}"):
        expected = bytes_of(case)
        stream.key = case["fields"]["key"]
        stream.claimed = case["fields"]["claimed"]
        # To the file, should it be one: the worker waits for it.
        accepted.sendall(layout.FILE_ANSWER.pack(case["fields"]["ticket"], layout.FILE_COPIED))
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
        case "file":
            device, inode, offset, length, size = layout.FILE_INFO.unpack_from(head.encode("latin-1"))
            start = layout.FILE_INFO.size
            part = FilePart(head[start + size :].encode("latin-1"), device, inode, offset, length)
            assert stream.file(ticket, head_of(case, head[start : start + size]), part) == layout.FILE_COPIED
        case "early-hints":
            stream.early_hints(ticket, head.encode("latin-1"))


def head_of(case: Case, text: str) -> ResponseHead:
    """From the head's own text, so that the validation is part of it."""
    status, *lines = text.removesuffix("\r\n").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    if case["fields"]["flags"] & layout.FLAG_CLOSE:
        headers.append(("Connection", "close"))
    return ResponseHead(status, headers)
