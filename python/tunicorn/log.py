"""The loggers an application may know from Gunicorn: `gunicorn.error` and `gunicorn.access`.

The line format is Gunicorn's, so what people grep for stays. Each process opens the error log itself, in append
mode; a line is one `write`, so lines of several processes do not mix.

Runs in: zygote, worker.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import sys
from io import TextIOWrapper
from typing import Any, TextIO

from .patient_output import PatientHandler, PatientOutput, maybe_patient_output

FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "[%Y-%m-%d %H:%M:%S %z]"

LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

# On a terminal only; the same in src/logging/error-log.ts.
COLOURS = {"DEBUG": 90, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}

# What this package logs to: the logger, or an instance of the operator's logger_class, which has the same methods.
error_log = logging.getLogger("gunicorn.error")
_logger = error_log


def open_to_append(path: str) -> int:
    """A descriptor of the log file. Never waits: a FIFO that nobody reads is an error.

    A standard stream that cannot be opened by its name (/dev/stdout, when it is a socket or root's) is used as it is;
    src/logging/open-log-file.ts does the same."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666)
    except OSError as error:
        stream = _standard_stream(path) if error.errno in (errno.EACCES, errno.ENXIO) else None
        if stream is None:
            raise
        return os.dup(stream)
    os.set_blocking(descriptor, True)
    return descriptor


_STANDARD_STREAM = re.compile(r"/(?:dev|proc/self)/fd/([12])")
_MAX_LINKS = 8


def _standard_stream(path: str) -> int | None:
    """1 or 2 when the path leads to that stream of this process, by links that are there for it."""
    for _ in range(_MAX_LINKS):
        found = _STANDARD_STREAM.fullmatch(path)
        if found is not None:
            return int(found[1])
        try:
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        except OSError:
            return None  # no link
    return None


class LogFileHandler(logging.FileHandler):
    """A log file, opened as `open_to_append` does it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        return os.fdopen(open_to_append(self.baseFilename), "a", encoding="utf-8")


class ColouredFormatter(logging.Formatter):
    """Gunicorn's line with the level in colour."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        plain = record.levelname
        if plain in COLOURS:
            record.levelname = f"\x1b[{COLOURS[plain]}m{plain}\x1b[39m"
        try:
            return super().formatMessage(record)
        finally:
            record.levelname = plain  # other handlers get the same record


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


_captures = False
_output: PatientOutput | None = None


def open_output() -> None:
    """To be called while the process still has the rights of its start."""
    global _output
    _output = maybe_patient_output()
    own_output()


def own_output() -> None:
    """In each process: what the application forks does not get it."""
    if _output is not None:
        _output.own()


def set_up(
    errorlog: str, loglevel: str, capture_output: bool = False, statsd: dict[str, Any] | None = None
) -> None:
    """Connects `gunicorn.error` to stderr (`-`) or to a file; an unknown level means info, as in Gunicorn."""
    handler: logging.Handler = (
        logging.StreamHandler(sys.stderr) if _output is None else PatientHandler(_output)
    )
    problem = None
    if errorlog != "-":
        try:
            handler = LogFileHandler(errorlog)
        except OSError as error:
            problem = error  # the arbiter has opened it: somebody has put something else there since
    coloured = errorlog == "-" and _wants_colour()
    handler.setFormatter((ColouredFormatter if coloured else logging.Formatter)(FORMAT, DATE_FORMAT))
    _logger.propagate = False
    _logger.handlers[:] = [handler]
    _logger.setLevel(LEVELS.get(loglevel.lower(), logging.INFO))
    global _captures
    _captures = capture_output and errorlog != "-"
    _capture_output()
    if statsd is not None:
        _logger.addHandler(StatsdHandler(statsd))
    if problem is not None:
        _logger.error("Error log not opened, lines go to standard error: %s", problem)


def _capture_output() -> None:
    """What is printed goes to the error log's file too, also what C code and child processes print."""
    if not _captures:
        return
    for handler in _logger.handlers:
        if isinstance(handler, logging.FileHandler) and handler.stream is not None:
            for descriptor in (1, 2):
                os.dup2(handler.stream.fileno(), descriptor)


def use(logger: Any) -> None:
    """An instance of logger_class."""
    global error_log
    error_log = logger


def reopen() -> None:
    """After log rotation. Safe in a signal handler: the new file is put under the descriptor of the old one, so
    nobody who is writing just now, in this thread or another, meets a closed file. When it cannot be opened, the old
    one is told so and written on."""
    for handler in _all_handlers():
        if isinstance(handler, logging.FileHandler) and handler.stream is not None:
            try:
                opened = open_to_append(handler.baseFilename)
            except OSError as error:
                _logger.error("Error log not reopened: %s", error)  # noqa: TRY400 - the reason is said
                continue
            os.dup2(opened, handler.stream.fileno(), inheritable=False)
            os.close(opened)
    _capture_output()


def _all_handlers() -> list[logging.Handler]:
    """Also those of the application's loggers, as in Gunicorn."""
    loggers = [logging.root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    return list(dict.fromkeys(handler for logger in loggers for handler in logger.handlers))


class StatsdHandler(logging.Handler):
    """Counts warnings and errors as Gunicorn does; see src/metrics/statsd.ts for the rules."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(logging.WARNING)
        self._address = (settings["host"], settings["port"])
        self._prefix = settings["prefix"]
        self._tags = settings["tags"]

    def emit(self, record: logging.LogRecord) -> None:
        name = "exception" if record.exc_info else record.levelname.lower()
        metric = f"{self._prefix}gunicorn.log.{name}:1|c|@1.0{self._tags}"
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto(metric.encode(), self._address)
        except OSError:
            pass  # no such host, no route: metrics may be lost


class ErrorStream:
    """`wsgi.errors`: text to the error log's stream, flushed at each write so that nothing is lost in a crash."""

    def _stream(self) -> TextIO:
        for handler in _logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is not None:
                stream: TextIO = handler.stream
                return stream
        return sys.stderr

    def write(self, text: str) -> None:
        stream = self._stream()
        stream.write(text)
        stream.flush()

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._stream().flush()
