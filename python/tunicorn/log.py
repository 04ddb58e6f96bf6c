"""The loggers an application may know from Gunicorn: `gunicorn.error` and `gunicorn.access`.

The line format is Gunicorn's, so what people grep for stays. Each process opens the error log itself, in append
mode; a line is one `write`, so lines of several processes do not mix.

Runs in: zygote, worker.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from typing import Any, TextIO

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


def set_up(
    errorlog: str, loglevel: str, capture_output: bool = False, statsd: dict[str, Any] | None = None
) -> None:
    """Connects `gunicorn.error` to stderr (`-`) or to a file; an unknown level means info, as in Gunicorn."""
    handler: logging.Handler
    if errorlog == "-":
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.FileHandler(errorlog, encoding="utf-8")
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
                opened = os.open(handler.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
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
