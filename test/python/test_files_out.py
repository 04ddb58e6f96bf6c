"""Files that are out: their `close()`, and the signal that tells of it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tunicorn import forking, log
from tunicorn.files_out import MOST_FILES, FilesOut

SECONDS = 20
SIGNAL = signal.SIGVTALRM


class Wrapper:
    """As a FileWrapper, with a close() that counts."""

    filelike = None

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Case:
    """FilesOut in a process like a worker: the signal's handler notes that something is due."""

    def __init__(self) -> None:
        self.due = 0
        self.files = FilesOut(SIGNAL, self._on_due)
        self.gateways: list[socket.socket] = []

    def _on_due(self) -> None:
        self.due += 1

    def keep(self, wrapper: Wrapper) -> socket.socket:
        """Returns the gateway's end."""
        ours, gateway = socket.socketpair()
        self.gateways.append(gateway)
        self.files.keep(ours, wrapper)
        return gateway


@pytest.fixture
def case() -> Iterator[Case]:
    made = Case()
    before = signal.signal(SIGNAL, lambda _number, _frame: made.files.on_signal())
    yield made
    for gateway in made.gateways:
        gateway.close()
    made.files.close_all(0)
    signal.signal(SIGNAL, before)


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.002)


def test_a_file_is_closed_once_and_not_before_its_gateway_says_so(case: Case) -> None:
    first, second = Wrapper(), Wrapper()
    gateway = case.keep(first)
    case.keep(second)
    case.files.close_finished()
    assert first.closed == 0
    case.due = 0
    gateway.close()
    eventually(lambda: case.due > 0)
    assert first.closed == 0, "not in the handler, which may interrupt a request"
    case.files.close_finished()
    case.files.close_finished()
    assert (first.closed, second.closed) == (1, 0)


def test_one_that_was_finished_before_it_was_kept_is_noticed(case: Case) -> None:
    ours, gateway = socket.socketpair()
    gateway.close()
    case.files.keep(ours, Wrapper())
    assert case.due == 1


def test_a_close_that_raises_harms_no_other_file(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(log.error_log, "exception", logged.append)

    class Raising(Wrapper):
        def close(self) -> None:
            raise SystemExit

    second = Wrapper()
    for wrapper in (Raising(), second):
        case.keep(wrapper).close()
    case.files.close_finished()
    assert second.closed == 1
    assert logged == ["Error closing a file that was sent"]


def test_what_has_no_close_needs_none(case: Case) -> None:
    class Plain:
        filelike = None

    ours, gateway = socket.socketpair()
    gateway.close()
    case.files.keep(ours, Plain())
    case.files.close_finished()
    assert case.files.has_room


def test_where_the_signal_is_not_ours_a_file_is_closed_once_another_is_kept(case: Case) -> None:
    signal.signal(SIGNAL, signal.SIG_IGN)
    case.keep(Wrapper()).close()
    assert case.due == 0
    case.keep(Wrapper())
    assert case.due == 1


def test_there_is_room_for_so_many_and_no_more(case: Case) -> None:
    for _ in range(MOST_FILES):
        assert case.files.has_room
        case.keep(Wrapper())
    assert not case.files.has_room


def test_a_worker_that_leaves_closes_all_and_waits_no_longer_than_it_may(case: Case) -> None:
    finished, out = Wrapper(), Wrapper()
    gateway = case.keep(finished)
    case.keep(out)
    gateway.close()
    case.files.close_all(0.01)
    case.files.close_all(SECONDS)
    assert (finished.closed, out.closed) == (1, 1)


def test_a_forked_child_closes_nothing_and_keeps_no_connection(case: Case) -> None:
    wrapper = Wrapper()
    gateway = case.keep(wrapper)
    child = os.fork()
    if child == 0:
        forking._in_child()  # noqa: SLF001 - as in a worker, which has called forking.watch
        case.files.close_all(0)
        # All descriptors of the gateway's end are closed with this one, so the parent's own is the last.
        os._exit(wrapper.closed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gateway.close()
    eventually(lambda: case.due > 0)
    case.files.close_finished()
    assert wrapper.closed == 1
