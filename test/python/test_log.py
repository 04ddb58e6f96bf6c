"""The error log as Gunicorn's applications know it, and `wsgi.errors`."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunicorn import log
from tunicorn.log import ErrorStream, error_log


@pytest.fixture(autouse=True)
def logger() -> Iterator[None]:
    handlers, level, propagate = error_log.handlers[:], error_log.level, error_log.propagate
    yield
    for handler in error_log.handlers:
        handler.close()
    error_log.handlers[:] = handlers
    error_log.setLevel(level)
    error_log.propagate = propagate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "error.log"


def messages(path: Path) -> list[str]:
    """The lines from their level on."""
    return [line[line.index("] [", line.index("] [") + 1) + 2 :] for line in path.read_text().splitlines()]


def test_a_line_has_gunicorns_form(path: Path) -> None:
    log.set_up(str(path), "info")
    logging.getLogger("gunicorn.error").info("Booting worker with pid: %s", 7)
    assert re.fullmatch(
        rf"\[\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}}\] \[{os.getpid()}\] \[INFO\] Booting worker with pid: 7\n",
        path.read_text(),
    )


def test_a_dash_means_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("-", "info")
    error_log.error("to stderr")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("[ERROR] to stderr\n")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", 5),
        ("info", 4),
        ("warning", 3),
        ("error", 2),
        ("critical", 1),
        ("ERROR", 2),
        ("unknown means info", 4),
    ],
)
def test_a_level_shows_itself_and_what_is_worse(level: str, shown: int, path: Path) -> None:
    log.set_up(str(path), level)
    for write in (error_log.debug, error_log.info, error_log.warning, error_log.error, error_log.critical):
        write("text")
    assert len(messages(path)) == shown


def test_it_is_set_up_anew_and_lines_go_to_no_other_logger(path: Path, tmp_path: Path) -> None:
    root = logging.getLogger()
    heard = logging.StreamHandler(io.StringIO())
    root.addHandler(heard)
    log.set_up(str(tmp_path / "first"), "info")
    [first] = error_log.handlers
    log.set_up(str(path), "info")
    first.close()
    error_log.info("text")
    root.removeHandler(heard)
    assert messages(path) == ["[INFO] text"]
    assert (tmp_path / "first").read_text() == ""
    assert heard.stream.getvalue() == ""


def test_after_rotation_lines_go_to_the_new_file(path: Path) -> None:
    log.set_up(str(path), "info")
    error_log.info("before")
    rotated = path.rename(path.with_suffix(".1"))
    error_log.info("still the old one")
    log.reopen()
    error_log.info("after")
    ErrorStream().write("errors\n")
    assert messages(rotated) == ["[INFO] before", "[INFO] still the old one"]
    assert path.read_text().endswith("[INFO] after\nerrors\n")


def test_a_writer_that_is_interrupted_by_a_rotation_goes_on(path: Path) -> None:
    log.set_up(str(path), "info")
    [handler] = error_log.handlers
    assert isinstance(handler, logging.FileHandler)
    stream = handler.stream
    assert stream is not None
    path.unlink()
    # As a signal would: between the moment a thread has got the stream, and its write.
    log.reopen()
    stream.write("not lost\n")
    stream.flush()
    assert path.read_text() == "not lost\n"


def test_a_rotation_leaves_no_descriptor_behind_and_none_for_children(path: Path) -> None:
    log.set_up(str(path), "info")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        log.reopen()
    assert os.listdir("/proc/self/fd") == before
    [handler] = error_log.handlers
    assert isinstance(handler, logging.FileHandler)
    assert handler.stream is not None
    assert not os.get_inheritable(handler.stream.fileno())


def test_the_old_file_is_written_on_when_the_new_one_cannot_be_opened(tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    directory.mkdir()
    log.set_up(str(directory / "error.log"), "info")
    moved = directory.rename(tmp_path / "moved")
    log.reopen()
    error_log.info("after")
    failure, after = messages(moved / "error.log")
    assert failure.startswith("[ERROR] Error log not reopened: [Errno 2]")
    assert after == "[INFO] after"


def test_a_rotation_is_nothing_to_stderr() -> None:
    log.set_up("-", "info")
    log.reopen()


def test_wsgi_errors_is_the_error_log_flushed_at_each_write(path: Path) -> None:
    log.set_up(str(path), "critical")
    errors = ErrorStream()
    errors.write("one\n")
    assert path.read_text() == "one\n"
    errors.writelines(["two\n", "three é\n"])
    print("four", file=errors)
    errors.flush()
    assert path.read_text(encoding="utf-8") == "one\ntwo\nthree é\nfour\n"


def test_wsgi_errors_is_stderr_without_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    error_log.handlers[:] = [logging.NullHandler()]
    ErrorStream().write("text\n")
    assert capsys.readouterr().err == "text\n"
    assert sys.stderr is not None


def test_a_fifo_that_nobody_reads_is_not_waited_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(path)
    log.set_up(str(path), "info")
    error_log.info("after that")
    lines = capsys.readouterr().err.splitlines()
    assert "[ERROR] Error log not opened, lines go to standard error: [Errno 6]" in lines[0]
    assert lines[1].endswith("[INFO] after that")


def test_a_fifo_that_is_read_is_written_as_a_file_is(path: Path) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log.set_up(str(path), "info")
    error_log.info("to the reader")
    assert os.read(reader, 1000).endswith(b"[INFO] to the reader\n")
    (handler,) = error_log.handlers
    assert isinstance(handler, logging.FileHandler)
    assert handler.stream is not None
    assert os.get_blocking(handler.stream.fileno())
    os.close(reader)


def test_a_fifo_in_the_place_of_the_file_leaves_the_old_one_in_use(path: Path) -> None:
    log.set_up(str(path), "info")
    old = path.rename(path.with_suffix(".1"))
    os.mkfifo(path)
    log.reopen()
    error_log.info("still here")
    assert [line.partition(":")[0] for line in messages(old)] == [
        "[ERROR] Error log not reopened",
        "[INFO] still here",
    ]


def test_a_standard_stream_that_cannot_be_opened_by_its_name_is_used(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/stderr")
    program = f"from tunicorn import log; log.set_up({str(tmp_path / 'link')!r}, 'info'); log.error_log.info('here')"
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            subprocess.run(
                [sys.executable, "-c", program],
                stderr=theirs.fileno(),
                env={**os.environ, "PYTHONPATH": str(Path(log.__file__).parents[1])},
                check=True,
            )
        assert ours.recv(1000).endswith(b"[INFO] here\n")
