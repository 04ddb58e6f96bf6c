"""The loggers an application may know from Gunicorn: `gunicorn.error` and `gunicorn.access`.

The line format is Gunicorn's, so what people grep for stays. Each process opens the error log itself, in append
mode; a line is one `write`, so lines of several processes do not mix.

Runs in: zygote, worker.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "[%Y-%m-%d %H:%M:%S %z]"

LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

error_log = logging.getLogger("gunicorn.error")


def set_up(errorlog: str, loglevel: str) -> None:
    """Connects `gunicorn.error` to stderr (`-`) or to a file; an unknown level means info, as in Gunicorn."""
    handler: logging.Handler
    if errorlog == "-":
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = logging.FileHandler(errorlog, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT, DATE_FORMAT))
    error_log.propagate = False
    error_log.handlers[:] = [handler]
    error_log.setLevel(LEVELS.get(loglevel.lower(), logging.INFO))


def reopen() -> None:
    """After log rotation: closes the file; the next line opens it anew."""
    for handler in error_log.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.acquire()
            try:
                handler.close()
                handler.stream = handler._open()  # noqa: SLF001 - what FileHandler.emit itself does next
            finally:
                handler.release()


class ErrorStream:
    """`wsgi.errors`: text to the error log's stream, flushed at each write so that nothing is lost in a crash."""

    def _stream(self) -> TextIO:
        for handler in error_log.handlers:
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
