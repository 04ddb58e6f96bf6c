"""Claims tickets from the shared FIFO.

A thread that waits is blocked in `read(2)`: the kernel wakes exactly one of all waiting threads and processes, in
turn, and the woken one wakes the next while tickets remain. epoll would not do: it wakes one waiter for a write of
many tickets and leaves the others asleep.

To retire, the main thread makes the FIFO non-blocking (each worker has opened it itself, so the flag is its own) and
signals the threads that wait. An interrupted `read` is retried by Python (PEP 475) and then finds the flag. So
nothing ever has to be raised out of a `read`, and no ticket that was read can be lost.

The FIFO is open to every process of this user, so bytes may stand in it that are no ticket. Whoever reads such a ticket
drops it. Where the bytes are not a multiple of a ticket, all later ones would be read shifted: see `realign`.

Runs in: worker.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from . import forking
from .layout import TICKET, TICKET_BYTES, TICKETS_FILE

Ticket = tuple[int, int, int, int]


class TicketQueue:
    """This process's own opening of the FIFO."""

    def __init__(self, run_directory: str) -> None:
        self._path = os.path.join(run_directory, TICKETS_FILE)
        # Non-blocking only for the open, which would otherwise wait for a writer.
        self.descriptor = forking.own(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK))
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

    def realign(self) -> None:
        """After what was no ticket. All writes and reads are multiples of a ticket, so when the FIFO holds a fraction
        of one, it comes first: the rest of stray bytes, or of the ticket that they have cut in two. It is read away.

        Under a lock, because two that do it at the same time would read away twice as much.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return  # no descriptor is left, or the instance ends; the next ticket that is none comes here again
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (length,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))
            if length % TICKET_BYTES:
                os.read(descriptor, length % TICKET_BYTES)
        except BlockingIOError:
            pass  # another one does it now
        finally:
            os.close(descriptor)

    def let_go(self) -> None:
        """In a child of the application: it claims nothing. The flag of the FIFO is also the worker's and stays."""
        self.retiring = self.nudged = True


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
            while (length := os.readv(self._queue.descriptor, self._buffers)) != TICKET_BYTES:
                if length == 0:
                    return None
                # Less than a ticket: stray bytes, and with them the FIFO is empty and in step again.
        except BlockingIOError:
            return None
        gateway, ticket, offset, key = TICKET.unpack(self._buffer)
        return gateway, ticket, offset, key
