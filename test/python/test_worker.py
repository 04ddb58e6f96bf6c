"""A whole worker, as a process: the test is its arbiter and gateway, with a real FIFO, arena, scoreboard, socket."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tunicorn.layout import (
    BODY_NONE,
    FRAME_END,
    FRAME_FAIL,
    FRAME_HEADER,
    FRAME_HELLO,
    FRAME_WHOLE,
    PROTOCOL_VERSION,
    RECORD_HEADER,
    RECORD_PROBE,
    RECORD_READY,
    RECORD_WITHDRAWN,
    SCOREBOARD_FILE,
    SCOREBOARD_HEADER,
    SCOREBOARD_HEADER_BYTES,
    SCOREBOARD_MAGIC,
    SLOT_BYTES,
    SLOT_IDLE,
    SLOT_RETIRE_ORDERED_U8,
    SLOT_RETIRE_SEEN_U8,
    SLOT_RETIRING,
    SLOT_WORKING,
    TICKET,
    TICKETS_FILE,
    arena_file,
    replies_file,
)

GATEWAY = 3
AGE = 5
SECONDS = 30.0
RECORD_ROOM = 4096
KEY = 0xC0DE
PYTHON_DIRECTORY = str(Path(__file__).parents[2] / "python")

APPLICATION = """
import os, sys, time
from pathlib import Path

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hold":
        Path("began").touch()
        while not Path("go").exists():
            time.sleep(0.002)
    if path == "/exit":
        sys.exit(3)
    if path == "/raise":
        raise RuntimeError("raised by the application")
    body = path.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

# What a zygote does in a forked child.
DRIVER = """
import os, sys
from tunicorn.configuration import Configuration
from tunicorn.hooks import Server
from tunicorn.log import error_log
from tunicorn.scoreboard import Slot, open_scoreboard
from tunicorn.settings import Settings
from tunicorn.worker import Worker
import hooks
import logging

directory, age, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
error_log.propagate = True
settings = Settings.__new__(Settings)
known = dict(run_directory=directory, generation=1, app_uri="app", workers=1, threads=threads, reload=False,
    multithread=threads > 1, server_software="test", cfg={}, listeners=[])
for name in Settings.__dataclass_fields__:
    object.__setattr__(settings, name, known.get(name))
board = open_scoreboard(os.path.join(directory, "scoreboard"))
server = Server(settings, Configuration(hooks=hooks.HOOKS))
slots = [Slot(board, number) for number in range(threads)]
worker = Worker(settings, age, slots, None, server, server.new_worker(age))
sys.exit(worker.run(lambda failure: print("ready", flush=True)))
"""

Frame = tuple[int, int, bytes]


class Instance:
    """The run directory, and the other end of everything in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        os.mkfifo(directory / TICKETS_FILE)
        # Kept open for both: a worker leaves at the end of file.
        self.tickets = os.open(directory / TICKETS_FILE, os.O_RDWR)
        header = SCOREBOARD_HEADER.pack(SCOREBOARD_MAGIC, PROTOCOL_VERSION, 4, SLOT_BYTES)
        (directory / SCOREBOARD_FILE).write_bytes(
            header.ljust(SCOREBOARD_HEADER_BYTES + 4 * SLOT_BYTES, b"\0")
        )
        (directory / arena_file(GATEWAY)).write_bytes(bytes(64 * RECORD_ROOM))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.settimeout(SECONDS)
        self.listener.bind(str(directory / replies_file(GATEWAY)))
        self.listener.listen()
        self.streams: list[socket.socket] = []
        self.workers: list[subprocess.Popen[str]] = []
        (directory / "app.py").write_text(APPLICATION)
        (directory / "hooks.py").write_text("HOOKS = {}\n")

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.communicate()
        for stream in (self.listener, *self.streams):
            stream.close()
        os.close(self.tickets)

    def start(self, threads: int = 1) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(self.directory), str(AGE), str(threads)],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": f"{PYTHON_DIRECTORY}{os.pathsep}{self.directory}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.workers.append(worker)
        return worker

    def start_and_boot(self, threads: int = 1) -> subprocess.Popen[str]:
        worker = self.start(threads)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        return worker

    def enqueue(self, ticket: int, path: str, state: int = RECORD_READY) -> None:
        name = path.encode()
        environ = b"{Z\x09PATH_INFOz" + bytes([len(name)]) + name + b"0"
        record = RECORD_HEADER.pack(ticket, state, BODY_NONE, len(environ), 0, 0.0, 0.0) + environ
        offset = ticket * RECORD_ROOM
        with (self.directory / arena_file(GATEWAY)).open("r+b") as arena:
            arena.seek(offset)
            arena.write(record)
        os.write(self.tickets, TICKET.pack(GATEWAY, ticket, offset, KEY))

    def accept(self) -> socket.socket:
        stream = self.listener.accept()[0]
        stream.settimeout(SECONDS)
        self.streams.append(stream)
        assert read_frame(stream)[:2] == (FRAME_HELLO, AGE)
        return stream

    def slot(self, number: int = 0) -> tuple[int, int, int]:
        """State, gateway and ticket."""
        board = (self.directory / SCOREBOARD_FILE).read_bytes()
        slot = board[SCOREBOARD_HEADER_BYTES + number * SLOT_BYTES :]
        gateway, ticket = struct.unpack_from("<2I", slot, 16)
        return slot[12], gateway, ticket

    def retire(self, worker: subprocess.Popen[str]) -> None:
        """As the zygote does."""
        with (self.directory / SCOREBOARD_FILE).open("r+b") as board:
            board.seek(SCOREBOARD_HEADER_BYTES + SLOT_RETIRE_ORDERED_U8)
            board.write(b"\1")
        worker.terminate()

    def has_seen_retire(self) -> bool:
        board = (self.directory / SCOREBOARD_FILE).read_bytes()
        return board[SCOREBOARD_HEADER_BYTES + SLOT_RETIRE_SEEN_U8] == 1


def read_frame(stream: socket.socket) -> Frame:
    """Kind, ticket and payload."""
    header = stream.recv(FRAME_HEADER.size, socket.MSG_WAITALL)
    length, kind, _, _, ticket, _, head, _, _ = FRAME_HEADER.unpack(header)
    payload = stream.recv(length, socket.MSG_WAITALL) if length else b""
    return kind, ticket, payload[head:]


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.002)


def left(worker: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it logged."""
    _, log = worker.communicate(timeout=SECONDS)
    return worker.returncode, log


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance(tmp_path)
    yield made
    made.close()


def test_requests_are_answered_in_their_order_and_the_slot_is_idle_between(instance: Instance) -> None:
    instance.start_and_boot()
    assert instance.slot() == (SLOT_IDLE, 0, 0)
    instance.enqueue(1, "/one")
    stream = instance.accept()
    assert read_frame(stream) == (FRAME_WHOLE, 1, b"/one")
    instance.enqueue(2, "/two")
    assert read_frame(stream) == (FRAME_WHOLE, 2, b"/two")
    eventually(lambda: instance.slot() == (SLOT_IDLE, GATEWAY, 2))


def test_withdrawn_and_stale_tickets_are_dropped_and_a_probe_is_answered(instance: Instance) -> None:
    instance.start_and_boot()
    instance.enqueue(1, "/withdrawn", RECORD_WITHDRAWN)
    os.write(instance.tickets, TICKET.pack(GATEWAY, 9, RECORD_ROOM, KEY))  # another's record lies there
    os.write(instance.tickets, TICKET.pack(GATEWAY + 1, 1, 0, KEY))  # a gateway that is gone
    instance.enqueue(2, "/", RECORD_PROBE)
    instance.enqueue(3, "/three")
    stream = instance.accept()
    assert read_frame(stream) == (FRAME_END, 2, b"")
    assert read_frame(stream) == (FRAME_WHOLE, 3, b"/three")


@pytest.mark.parametrize("path", ["/raise", "/exit"])
def test_an_application_that_raises_fails_its_request_and_not_its_worker(
    instance: Instance, path: str
) -> None:
    worker = instance.start_and_boot()
    instance.enqueue(1, path)
    instance.enqueue(2, "/two")
    stream = instance.accept()
    assert read_frame(stream) == (FRAME_FAIL, 1, b"")
    assert read_frame(stream) == (FRAME_WHOLE, 2, b"/two")
    instance.retire(worker)
    code, log = left(worker)
    assert code == 0
    assert "Traceback" in log


@pytest.mark.parametrize("threads", [1, 2])
def test_term_finishes_the_request_in_work_and_claims_no_more(instance: Instance, threads: int) -> None:
    worker = instance.start_and_boot(threads)
    for ticket in range(1, threads + 1):
        instance.enqueue(ticket, "/hold")
    eventually(lambda: all(instance.slot(thread)[0] == SLOT_WORKING for thread in range(threads)))
    eventually((instance.directory / "began").exists)
    instance.retire(worker)
    eventually(instance.has_seen_retire)
    instance.enqueue(9, "/late")
    (instance.directory / "go").touch()
    answered = [read_frame(instance.accept()) for _ in range(threads)]
    assert sorted(ticket for _, ticket, _ in answered) == list(range(1, threads + 1))
    code, log = left(worker)
    assert code == 0
    assert f"Worker exiting (pid: {worker.pid})" in log
    assert [instance.slot(thread)[0] for thread in range(threads)] == [SLOT_RETIRING] * threads
    assert TICKET.unpack(os.read(instance.tickets, TICKET.size))[1] == 9, "the late one is another's"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGQUIT, 0), (signal.SIGABRT, 1)], ids=str
)
def test_a_worker_that_leaves_at_once_leaves_its_request_noted(
    instance: Instance, threads: int, number: signal.Signals, code: int
) -> None:
    worker = instance.start_and_boot(threads)
    instance.enqueue(1, "/hold")
    eventually((instance.directory / "began").exists)
    worker.send_signal(number)
    assert left(worker)[0] == code
    slots = [instance.slot(thread) for thread in range(threads)]
    assert (SLOT_WORKING, GATEWAY, 1) in slots, "so that the arbiter has it answered"


def test_a_hook_that_raises_when_the_worker_is_aborted_is_told_by_the_exit_code(instance: Instance) -> None:
    (instance.directory / "hooks.py").write_text("HOOKS = {'worker_abort': lambda worker: 1 / 0}\n")
    worker = instance.start_and_boot()
    worker.send_signal(signal.SIGABRT)
    code, log = left(worker)
    assert code == 255
    assert "ZeroDivisionError" in log


@pytest.mark.parametrize(
    ("source", "code"), [("x = 1", 4), ("raise RuntimeError", 3), ("import sys; sys.exit(0)", 3)]
)
def test_an_application_that_cannot_be_had_is_gunicorns_exit_code(
    instance: Instance, source: str, code: int
) -> None:
    (instance.directory / "app.py").write_text(source)
    worker = instance.start()
    assert left(worker)[0] == code
    assert instance.slot()[0] == 0, "its slot was never occupied"


def test_the_end_of_the_queue_is_the_end_of_the_worker(instance: Instance) -> None:
    worker = instance.start_and_boot()
    os.close(instance.tickets)
    code, _ = left(worker)
    instance.tickets = os.open(instance.directory / TICKETS_FILE, os.O_RDWR)
    assert code == 0


def test_a_stream_that_goes_away_costs_no_request_while_its_gateway_is_there(instance: Instance) -> None:
    instance.start_and_boot()
    instance.enqueue(1, "/hold")
    stream = instance.accept()
    eventually((instance.directory / "began").exists)
    stream.close()
    (instance.directory / "go").touch()
    second = instance.accept()
    assert read_frame(second) == (FRAME_WHOLE, 1, b"/hold")
    instance.enqueue(2, "/two")
    assert read_frame(second) == (FRAME_WHOLE, 2, b"/two")


def test_a_worker_that_is_sent_term_without_an_order_goes_on_and_asks_for_one(instance: Instance) -> None:
    worker = instance.start_and_boot()
    worker.terminate()
    at = SCOREBOARD_HEADER_BYTES + SLOT_RETIRE_SEEN_U8
    eventually(lambda: (instance.directory / SCOREBOARD_FILE).read_bytes()[at] == 2)
    instance.enqueue(1, "/still")
    assert read_frame(instance.accept())[1] == 1
    instance.retire(worker)
    assert left(worker)[0] == 0
