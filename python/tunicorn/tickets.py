"""Claims tickets from the shared FIFO.

A thread that waits is blocked in `read(2)`: the kernel wakes exactly one of all waiting threads and processes, in
turn, and the woken one wakes the next while tickets remain. epoll would not do: it wakes one waiter for a write of
many tickets and leaves the others asleep.

To retire, the main thread makes the FIFO non-blocking (each worker has opened it itself, so the flag is its own) and
signals the threads that wait. An interrupted `read` is retried by Python (PEP 475) and then finds the flag. So
nothing ever has to be raised out of a `read`, and no ticket that was read can be lost.

Runs in: worker.
"""

from __future__ import annotations

import os

from .layout import TICKET, TICKET_BYTES, TICKETS_FILE

Ticket = tuple[int, int, int, int]


class TicketQueue:
    """This process's own opening of the FIFO."""

    def __init__(self, run_directory: str) -> None:
        path = os.path.join(run_directory, TICKETS_FILE)
        # Non-blocking only for the open, which would otherwise wait for a writer.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self.descriptor, True)
        self.retiring = False
        # There is something to do before the next claim: to retire, or what `nudge` was called for.
        self.nudged = False

    def retire(self) -> None:
        """No claim blocks any more. Safe in a signal handler."""
        self.retiring = True
        self.nudge()

    def nudge(self) -> None:
        """No thread waits for a ticket, or waits on: `claim` gives None. Safe in a signal handler."""
        self.nudged = True
        os.set_blocking(self.descriptor, False)

    def go_on(self) -> None:
        """After a nudge."""
        self.nudged = False
        os.set_blocking(self.descriptor, True)
        if self.retiring:  # the order came between these lines
            self.nudge()


class Claimer:
    """Claims for one thread. The buffer is the thread's own, so not even an exception raised in the thread between
    the `read` and the next bytecode can lose a ticket: it would still stand in the buffer."""

    __slots__ = ("_buffer", "_buffers", "_queue")

    def __init__(self, queue: TicketQueue) -> None:
        self._queue = queue
        self._buffer = bytearray(TICKET_BYTES)
        self._buffers = [self._buffer]

    def claim(self) -> Ticket | None:
        """Waits for a ticket: (gateway, id, offset, key). None: claim no more (retiring, or everybody is gone)."""
        try:
            if os.readv(self._queue.descriptor, self._buffers) == 0:
                return None
        except BlockingIOError:
            return None
        gateway, ticket, offset, key = TICKET.unpack(self._buffer)
        return gateway, ticket, offset, key
