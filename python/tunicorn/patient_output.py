"""Lines of this package to stderr, without waiting long for whoever reads it.

The application prints as it always has: a reader that sleeps makes it wait, and nothing is lost. The lines that this
package writes are another matter: a worker that boots or leaves must not hang in one. So they wait for a moment; then
they are dropped and counted.

Rules: stdout and stderr are one open file for all processes of the instance, so its flags are never changed. A pipe or
a terminal is opened a second time, where the system lets us; a socket is written with MSG_DONTWAIT.

Runs in: zygote, worker, log process.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import stat
import sys
import time

from . import forking

STDOUT = 1
STDERR = 2

# How long a reader may take nothing before a line is dropped, s.
PATIENCE = 0.5

# The same for what is still in a buffer when the process forks or leaves, s.
_FLUSH_PATIENCE = 0.1

# As much a pipe that is ready takes at least (PIPE_BUF).
_PIECE = 4096

_Identity = tuple[int, int]


class PatientOutput:
    """An open file that somebody reads. To be made while the process still has the rights of its start."""

    def __init__(self, descriptor: int) -> None:
        self._shared = descriptor
        self._own = _opened_again(descriptor)
        self._identity = _identity(self._own)
        self._is_socket = stat.S_ISSOCK(os.fstat(self._own).st_mode)

    def own(self) -> None:
        """In each process that has it: children of the application do without, and those who read it see its end."""
        forking.own(self._own)

    def write(self, data: bytes, patience: float) -> int:
        """How many bytes were written before the reader had taken nothing for `patience` seconds. Raises OSError."""
        if _identity(self._own) != self._identity:
            # The application has closed our descriptor, and perhaps opened something of its own there.
            return os.write(self._shared, data)
        written = 0
        deadline = time.monotonic() + patience
        while written < len(data) and self._wait(deadline):
            taken = self._write(data[written : written + _PIECE])
            written += taken
            if taken > 0:
                deadline = time.monotonic() + patience
        return written

    def _wait(self, deadline: float) -> bool:
        return is_writable(self._own, max(0.0, deadline - time.monotonic()))

    def _write(self, piece: bytes) -> int:
        try:
            return self._send(piece) if self._is_socket else os.write(self._own, piece)
        except BlockingIOError:
            return 0  # another process was faster

    def _send(self, piece: bytes) -> int:
        # Not kept: the object would close a descriptor that has become the application's.
        connection = socket.socket(fileno=self._own)
        try:
            return connection.send(piece, socket.MSG_DONTWAIT)
        finally:
            connection.detach()


class PatientHandler(logging.StreamHandler):  # type: ignore[type-arg] # a type argument needs Python 3.11
    """Gunicorn's handler for `-`, with a PatientOutput under it."""

    def __init__(self, output: PatientOutput) -> None:
        super().__init__(sys.stderr)
        self._output = output
        self._patience = PATIENCE
        self._dropped = 0
        self._reason = ""
        self._is_torn = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - logging's rule: a bad record costs a message, not the program
            self.handleError(record)
            return
        self._write(f"{self._report(record)}{text}{self.terminator}")

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        if self._is_torn:
            data = b"\n" + data
        written = 0
        try:
            written = self._output.write(data, self._patience)
            reason = "the reader of stderr does not keep up"
        except OSError as error:
            reason = error.strerror or str(error)
        if written == len(data):
            self._patience, self._dropped, self._is_torn = PATIENCE, 0, False
            return
        if written > 0:
            self._is_torn = data[written - 1 : written] != b"\n"
        # Whoever has slept that long is not waited for at each line.
        self._patience, self._dropped, self._reason = 0.0, self._dropped + 1, reason

    def _report(self, record: logging.LogRecord) -> str:
        if self._dropped == 0:
            return ""
        plural = "" if self._dropped == 1 else "s"
        message = f"Dropped {self._dropped} error log line{plural}: {self._reason}"
        made = logging.LogRecord(record.name, logging.ERROR, "", 0, message, None, None)
        return f"{self.format(made)}{self.terminator}"


def is_writable(descriptor: int, patience: float) -> bool:
    """Whether it takes something within that many seconds, or an error."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    try:
        return bool(poll.poll(patience * 1000))
    except OSError:
        return True  # a limit of no descriptor at all forbids even to ask (poll(2): EINVAL)


def flush_standard_streams() -> None:
    """Unless that would wait: what was printed stays in the buffer then."""
    for stream, descriptor in ((sys.stdout, STDOUT), (sys.stderr, STDERR)):
        if stream is None or not is_writable(descriptor, _FLUSH_PATIENCE):
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the reader is gone, or the stream is closed: there is nobody to print to


def let_go_of_stuck_streams() -> None:
    """In a worker that leaves: the end of the interpreter would wait until somebody reads what is still in a buffer."""
    for descriptor in (STDOUT, STDERR):
        if is_writable(descriptor, _FLUSH_PATIENCE):
            continue
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def maybe_patient_output() -> PatientOutput | None:
    """On stderr; None when the process has none, or when sys.stderr is something else."""
    try:
        if sys.stderr.fileno() == STDERR:
            return PatientOutput(STDERR)
    except (AttributeError, OSError, ValueError):
        pass  # closed, or replaced by something that is no file
    return None


def _opened_again(descriptor: int) -> int:
    mode = os.fstat(descriptor).st_mode
    # A regular file keeps its description: the offset is in it.
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
        try:
            return os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENXIO):
                raise
    return os.dup(descriptor)


def _identity(descriptor: int) -> _Identity | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
