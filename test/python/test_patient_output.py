"""Lines of this package wait for a reader that sleeps, but not for long, and change no flag of what is shared."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import socket
import time
from collections.abc import Iterator

import pytest

from tunicorn import patient_output
from tunicorn.patient_output import PatientHandler, PatientOutput
from tunicorn.quoted import quoted

PATIENCE = 0.05


@pytest.fixture(params=["pipe", "terminal", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The end where nobody reads, and the one that is written."""
    if request.param == "pipe":
        reader, writer = os.pipe()
    elif request.param == "terminal":
        reader, writer = pty.openpty()
    else:
        reader, writer = (end.detach() for end in socket.socketpair())
    yield reader, writer
    os.close(reader)
    os.close(writer)


def is_blocking(descriptor: int) -> bool:
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK


def fill(output: PatientOutput) -> int:
    """Until it takes no more; returns how much it took."""
    written = 0
    while (taken := output.write(b"x" * 4095 + b"\n", PATIENCE)) == 4096:
        written += taken
    return written + taken


def drain(reader: int, count: int) -> bytes:
    data = b""
    while len(data.replace(b"\r\n", b"\n")) < count:
        data += os.read(reader, 65536)
    return data.replace(b"\r\n", b"\n")


def handler_on(output: PatientOutput) -> PatientHandler:
    handler = PatientHandler(output)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    return handler


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("gunicorn.error", logging.INFO, "", 0, message, None, None)


def test_what_nobody_reads_is_waited_for_a_moment_and_stays_blocking(ends: tuple[int, int]) -> None:
    output = PatientOutput(ends[1])
    fill(output)
    began = time.monotonic()
    assert output.write(b"line\n", PATIENCE) < len(b"line\n")
    assert time.monotonic() - began < 10
    assert is_blocking(ends[1])


def test_dropped_lines_are_counted_once_there_is_room(ends: tuple[int, int]) -> None:
    output = PatientOutput(ends[1])
    handler = handler_on(output)
    filled = fill(output)
    for _ in range(3):
        handler.emit(record("x" * 5000))
    drain(ends[0], filled)
    handler.emit(record("kept"))
    expected = "[ERROR] Dropped 3 error log lines: the reader of stderr does not keep up\n[INFO] kept\n"
    arrived = b""
    while not arrived.endswith(expected.encode()):
        arrived += drain(ends[0], 1)


def test_a_reader_that_is_gone_costs_the_line_and_no_exception() -> None:
    reader, writer = os.pipe()
    handler = handler_on(PatientOutput(writer))
    os.close(reader)
    handler.emit(record("lost"))
    os.close(writer)


def test_a_file_of_the_application_under_our_number_is_not_written_to() -> None:
    reader, writer = os.pipe()
    other_reader, other_writer = os.pipe()
    before = set(os.listdir("/proc/self/fd"))
    output = PatientOutput(writer)
    [own] = set(os.listdir("/proc/self/fd")) - before
    # What an application does that closes every descriptor it does not know, and opens files.
    os.dup2(other_writer, int(own))
    assert output.write(b"line\n", PATIENCE) == 5
    assert os.read(reader, 10) == b"line\n"
    os.set_blocking(other_reader, False)
    with pytest.raises(BlockingIOError):
        os.read(other_reader, 10)
    for descriptor in (reader, writer, other_reader, other_writer, int(own)):
        os.close(descriptor)


def test_a_worker_that_leaves_lets_go_of_what_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    fill(PatientOutput(writer))
    copy = os.dup(writer)
    monkeypatch.setattr(patient_output, "STDOUT", copy)
    monkeypatch.setattr(patient_output, "STDERR", copy)
    patient_output.let_go_of_stuck_streams()
    assert os.path.samestat(os.fstat(copy), os.stat(os.devnull))
    for descriptor in (reader, writer, copy):
        os.close(descriptor)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("GET /path?a=b", "GET /path?a=b"),
        ("x" * 201, "x" * 200 + "…"),
        ("a\r\nb\x1b[31m\x85\u2028", "a\\x0d\\x0ab\\x1b[31m\\x85\\u2028"),
        (None, "None"),
    ],
)
def test_a_clients_text_is_cut_and_can_forge_no_line(text: object, spelled: str) -> None:
    assert quoted(text) == spelled
    assert len(quoted("\n" * 1000)) == 201
