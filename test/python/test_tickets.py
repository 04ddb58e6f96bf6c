"""Claiming tickets from a real FIFO, with real threads and signals."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from tunicorn.layout import TICKET, TICKET_BYTES, TICKETS_FILE
from tunicorn.tickets import Claimer, Ticket, TicketQueue


def test_tickets_are_claimed_in_their_order(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    os.write(writer, TICKET.pack(1, 2, 3, 4) + TICKET.pack(5, 6, 7, 8))
    queue = TicketQueue(str(tmp_path))
    claimer = Claimer(queue)
    assert [claimer.claim(), claimer.claim()] == [(1, 2, 3, 4), (5, 6, 7, 8)]
    os.close(writer)
    assert claimer.claim() is None, "everybody is gone"
    os.close(queue.descriptor)


def test_retiring_ends_the_wait_of_every_thread_and_loses_no_ticket(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    claimed: SimpleQueue[Ticket] = SimpleQueue()

    def serve() -> None:
        claimer = Claimer(queue)
        while not queue.retiring and (ticket := claimer.claim()) is not None:
            claimed.put(ticket)

    handler = signal.signal(signal.SIGUSR2, lambda _signal, _frame: None)
    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    os.write(writer, b"".join(TICKET.pack(1, number, 0, 0) for number in range(100)))
    tickets = [claimed.get(timeout=30) for _ in range(100)]
    queue.retire()
    for thread in threads:
        if thread.ident is not None and thread.is_alive():
            signal.pthread_kill(thread.ident, signal.SIGUSR2)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    signal.signal(signal.SIGUSR2, handler)
    assert sorted(ticket[1] for ticket in tickets) == list(range(100))
    os.write(writer, TICKET.pack(1, 100, 0, 0))
    assert os.read(queue.descriptor, 64) == TICKET.pack(1, 100, 0, 0), "nobody has taken it any more"
    os.close(writer)
    os.close(queue.descriptor)


def test_a_ticket_that_was_read_before_the_retirement_is_claimed(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    os.write(writer, TICKET.pack(1, 2, 3, 4))
    queue.retire()
    claimer = Claimer(queue)
    assert claimer.claim() == (1, 2, 3, 4)
    assert claimer.claim() is None, "no claim waits any more"
    os.close(writer)
    os.close(queue.descriptor)


def test_the_retirement_of_one_worker_is_its_own(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    retiring, staying = TicketQueue(str(tmp_path)), TicketQueue(str(tmp_path))
    retiring.retire()
    assert os.get_blocking(staying.descriptor)
    for queue in (retiring, staying):
        os.close(queue.descriptor)
    os.close(writer)


@pytest.mark.parametrize("stray", range(1, 16))
def test_stray_bytes_alone_are_no_ticket(tmp_path: Path, stray: int) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    claimed: SimpleQueue[Ticket | None] = SimpleQueue()
    thread = threading.Thread(target=lambda: claimed.put(Claimer(queue).claim()), daemon=True)
    thread.start()
    os.write(writer, b"x" * stray)
    while length(writer) > 0:
        thread.join(0.001)
    os.write(writer, TICKET.pack(1, 2, 3, 4))
    assert claimed.get(timeout=30) == (1, 2, 3, 4)
    thread.join(30)
    for descriptor in (writer, queue.descriptor):
        os.close(descriptor)


@pytest.mark.parametrize("stray", range(1, 40))
def test_stray_bytes_cost_the_tickets_that_they_cut_and_no_others(tmp_path: Path, stray: int) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    claimer = Claimer(queue)
    os.write(writer, TICKET.pack(1, 1, 0, 0) + b"x" * stray)
    os.write(writer, b"".join(TICKET.pack(1, number, 0, 0) for number in range(2, 9)))
    good = []
    for _ in range(length(writer) // TICKET_BYTES):
        ticket = claimer.claim()
        assert ticket is not None
        if ticket in [(1, number, 0, 0) for number in range(1, 9)]:
            good.append(ticket[1])
        else:
            queue.realign()
    expected = range(3 if stray < TICKET_BYTES else 2, 9)
    assert good == [1, *expected]
    assert length(writer) == 0
    for descriptor in (writer, queue.descriptor):
        os.close(descriptor)


def test_a_fifo_that_is_in_step_stays_so(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    os.write(writer, TICKET.pack(1, 2, 3, 4))
    for _ in range(3):
        queue.realign()
    assert Claimer(queue).claim() == (1, 2, 3, 4)
    for descriptor in (writer, queue.descriptor):
        os.close(descriptor)


def test_a_fifo_is_put_in_step_by_one_at_a_time(tmp_path: Path) -> None:
    writer = make_fifo(tmp_path)
    queue = TicketQueue(str(tmp_path))
    other = os.open(tmp_path / TICKETS_FILE, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.flock(other, fcntl.LOCK_EX)
    os.write(writer, b"xyz")
    queue.realign()
    assert length(writer) == 3
    os.close(other)
    queue.realign()
    assert length(writer) == 0
    for descriptor in (writer, queue.descriptor):
        os.close(descriptor)


def length(fifo: int) -> int:
    (unread,) = struct.unpack("i", fcntl.ioctl(fifo, termios.FIONREAD, b"\0\0\0\0"))
    return int(unread)


def make_fifo(directory: Path) -> int:
    path = directory / TICKETS_FILE
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)
