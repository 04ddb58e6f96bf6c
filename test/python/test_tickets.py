"""Claiming tickets from a real FIFO, with real threads and signals."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from queue import SimpleQueue

from tunicorn.layout import TICKET, TICKETS_FILE
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


def make_fifo(directory: Path) -> int:
    path = directory / TICKETS_FILE
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)
