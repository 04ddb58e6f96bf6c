"""Files of `wsgi.file_wrapper` that gateways read while the worker does other things (PROTOCOL.md §5, FILE).

Their `close()` belongs to the application and is called once, after the last byte was read (PEP 3333). The gateway says
so by closing the connection on which the file was offered, and so does the kernel when the gateway dies.

Nobody waits for it: the kernel signals the end of such a connection (O_ASYNC). A thread that waits would make every
fork of the application dangerous. The handler runs in the main thread, perhaps in the middle of a request, so it only
notes that there is something to do. A sync worker does it between two requests, one with threads has a thread for it.

Rules: `close()` is never called inside another request, and never in a forked child.

Runs in: worker.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from . import forking, log
from .exceptions import Quit

# Each costs a descriptor here and two in the gateway. A worker with so many out sends the next large file itself.
MOST_FILES = 64


class Closable(Protocol):
    """What of a FileWrapper is needed here. It may have no `close`."""

    filelike: Any


class FilesOut:
    """Of one worker."""

    def __init__(self, signal_number: int, on_due: Callable[[], None]) -> None:
        self._signal = signal_number
        # Called when `close_finished` has something to do, also from a signal handler.
        self.on_due = on_due
        self._files: dict[socket.socket, Closable] = {}
        self._parents: dict[socket.socket, Closable] = {}
        self._lock = threading.RLock()
        forking.on_fork(self._forget)

    @property
    def has_room(self) -> bool:
        return len(self._files) < MOST_FILES

    def keep(self, connection: socket.socket, wrapper: Closable) -> None:
        """Until the connection ends."""
        connection.setblocking(False)
        if self._files:
            self.on_due()  # should the application have taken the signal for itself, others are noticed now
        with self._lock:
            self._files[connection] = wrapper
        fcntl.fcntl(connection, fcntl.F_SETSIG, self._signal)
        fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(connection, fcntl.F_GETFL)
        fcntl.fcntl(connection, fcntl.F_SETFL, flags | os.O_ASYNC)
        # It may have ended before anybody was to be signalled.
        if _has_ended(connection):
            self.on_due()

    def on_signal(self) -> None:
        """In the main thread's handler."""
        if self._files:
            self.on_due()

    def close_finished(self) -> None:
        """Of the files that gateways have read, or given up."""
        with self._lock:
            finished = [connection for connection in self._files if _has_ended(connection)]
            wrappers = [self._files.pop(connection) for connection in finished]
        for connection, wrapper in zip(finished, wrappers, strict=True):
            connection.close()
            _close(wrapper)

    def close_all(self, seconds: float) -> None:
        """Before the worker leaves: those that are still being read after so long are closed all the same. Their
        gateways have opened them too, and go on."""
        deadline = time.monotonic() + seconds
        while self._files and (left := deadline - time.monotonic()) > 0:
            poll = select.poll()
            for connection in list(self._files):
                poll.register(connection, select.POLLIN)
            poll.poll(left * 1e3)
            self.close_finished()
        with self._lock:
            files, self._files = self._files, {}
        for connection, wrapper in files.items():
            connection.close()
            _close(wrapper)

    def _forget(self) -> None:
        """In a forked child: they are its parent's."""
        self._lock = threading.RLock()
        for connection in self._files:
            connection.close()
        # Not let go: a temporary file that is let go is deleted.
        self._parents, self._files = self._files, {}


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _close(wrapper: Closable) -> None:
    try:
        close = getattr(wrapper, "close", None)
        if close is not None:
            close()
    except Quit:
        raise
    except BaseException:  # noqa: BLE001 - also SystemExit: its request is over, and it must not stop the worker
        log.error_log.exception("Error closing a file that was sent")
