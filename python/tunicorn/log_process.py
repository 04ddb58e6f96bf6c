"""The log process: lines of the arbiter and the gateways, emitted through Python's logging.

It exists only when Python decides where lines go (logconfig, logger_class, syslog): arbiter and gateways then send each
line as a JSON object over a Unix stream socket instead of writing it. See docs/decisions/0007-log-process.md.

Rules: a record looks as if its sender had made it (process id, time). The process leaves when its zygote and all who
write to it are gone, so that the last line of the arbiter is not lost. Once the zygote is gone, a logger that hangs
ends the process.

Runs in: log process.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import fcntl
import http
import json
import logging
import os
import re
import selectors
import signal
import socket
import time
from types import FrameType
from typing import Any

from . import forking, log

_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})


# How long one record may take once the zygote is gone, s. The arbiter waits as long for its last lines.
_HANGING_SECONDS = 2.0


class Response:
    """`resp`, as `Logger.access` gets it."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.status_code: int = record["status"]
        try:
            self.status = f"{self.status_code} {http.HTTPStatus(self.status_code).phrase}"
        except ValueError:
            self.status = str(self.status_code)
        self.headers = [(name, value) for name, value in record["response_fields"]]
        self.sent: int = record["bytes"]
        self.response_length: int = record["bytes"]


class Request:
    """`req`, as `Logger.access` gets it."""

    def __init__(self, record: dict[str, Any]) -> None:
        environ = record["environ"]
        self.headers = [(name.upper(), value) for name, value in record["request_fields"]]
        self.method: str = environ["REQUEST_METHOD"]
        self.uri: str = environ["RAW_URI"]
        self.path: str = environ["PATH_INFO"]
        self.query: str = environ["QUERY_STRING"]
        self.version = (1, 0) if environ["SERVER_PROTOCOL"] == "HTTP/1.0" else (1, 1)
        self.scheme: str = environ["wsgi.url_scheme"]


class Atoms(dict[str, Any]):
    """The atoms of one line: what is unknown is `-`, fields and variables have no case."""

    def __missing__(self, name: str) -> Any:
        return self.get(name.lower(), "-") if name.startswith("{") else "-"


_UNSAFE = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff]')


def escaped(value: Any) -> Any:
    """As src/logging/access-log.ts does it, so that no request can forge a line."""
    if not isinstance(value, str):
        return value
    return _UNSAFE.sub(lambda match: _escape(match.group()), value)


def _escape(character: str) -> str:
    return "\\" + character if character in '"\\' else f"\\x{ord(character):02x}"


def atoms(record: dict[str, Any]) -> Atoms:
    """Gunicorn's names; see docs/logging.md."""
    environ: dict[str, str] = record["environ"]
    microseconds = record["duration_us"]
    values = {
        "h": environ.get("REMOTE_ADDR", "-"),
        "l": "-",
        "u": _basic_user(environ.get("HTTP_AUTHORIZATION", "")) or "-",
        "t": time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(record["time"])),
        "r": f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}",
        "s": str(record["status"]),
        "m": environ["REQUEST_METHOD"],
        "U": environ["PATH_INFO"],
        "q": environ["QUERY_STRING"],
        "H": environ["SERVER_PROTOCOL"],
        "b": str(record["bytes"]),
        "B": record["bytes"],
        "f": environ.get("HTTP_REFERER", "-"),
        "a": environ.get("HTTP_USER_AGENT", "-"),
        "T": microseconds // 1_000_000,
        "D": microseconds,
        "M": microseconds // 1000,
        "L": f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}",
        "p": f"<{record['pid']}>",
    }
    values.update((f"{{{name.lower()}}}i", value) for name, value in record["request_fields"])
    values.update((f"{{{name.lower()}}}o", value) for name, value in record["response_fields"])
    values.update((f"{{{name.lower()}}}e", value) for name, value in environ.items())
    return Atoms((name, escaped(value)) for name, value in values.items())


def json_line(record: dict[str, Any]) -> str:
    """`access_log_format = "json"`, as src/logging/access-log-json.ts writes it."""
    environ: dict[str, str] = record["environ"]
    when = datetime.datetime.fromtimestamp(record["time"], datetime.timezone.utc)
    user = _basic_user(environ.get("HTTP_AUTHORIZATION", ""))
    fields = {
        "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "remote_addr": environ.get("REMOTE_ADDR", ""),
        "user": user and user.encode("latin-1").decode(),
        "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"],
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "protocol": environ["SERVER_PROTOCOL"],
        "host": environ.get("HTTP_HOST"),
        "status": record["status"],
        "bytes": record["bytes"],
        "duration_ms": record["duration_us"] / 1000,
        "referer": environ.get("HTTP_REFERER"),
        "user_agent": environ.get("HTTP_USER_AGENT"),
        "worker_pid": record["pid"],
    }
    return json.dumps(fields).replace("\x7f", "\\u007f")


def _basic_user(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip().encode("latin-1"))
        user = decoded.partition(b":")[0]
        user.decode()
        return user.decode("latin-1")
    except (binascii.Error, ValueError):
        return None


class LogProcess:
    """Reads records and emits them until nobody is left who could send one."""

    def __init__(self, listener: socket.socket, lifeline: int, logger: Any, access_log_format: str) -> None:
        self._listener = listener
        self._lifeline = lifeline
        self._logger = logger
        self._format = access_log_format
        self._access_log = logging.getLogger("gunicorn.access")
        self._selector = selectors.DefaultSelector()
        self._rest: dict[socket.socket, bytes] = {}
        self._origin: dict[str, Any] | None = None
        self._zygote_lives = True
        self._last: socket.socket | None = None

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        forking.accept_signals()
        self._stamp_records()
        self._end_when_hanging()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._lifeline, selectors.EVENT_READ)
        while self._zygote_lives or self._rest:
            self._watch_time(False)
            ready = self._selector.select()
            self._watch_time(True)
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._lifeline:
                    self._selector.unregister(self._lifeline)
                    self._accept()
                    self._zygote_lives = False
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
        logging.shutdown()

    def _end_when_hanging(self) -> None:
        """The kernel's alarm ends the process even in a logger that blocks; it is set when the lifeline says so."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGIO, self._on_zygote_gone)
        fcntl.fcntl(self._lifeline, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(self._lifeline, fcntl.F_GETFL)
        fcntl.fcntl(self._lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)

    def _on_zygote_gone(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, _HANGING_SECONDS)

    def _watch_time(self, is_busy: bool) -> None:
        if not self._zygote_lives:
            signal.setitimer(signal.ITIMER_REAL, _HANGING_SECONDS if is_busy else 0)

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._listener.accept()
                self._rest[connection] = b""
                self._selector.register(connection, selectors.EVENT_READ)
        except BlockingIOError:
            return

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(262_144)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            del self._rest[connection]
            # The last one is closed by the end of this process, which is what the arbiter waits for.
            if self._rest or self._zygote_lives:
                connection.close()
            else:
                self._last = connection
            return
        *lines, self._rest[connection] = (self._rest[connection] + data).split(b"\n")
        for line in lines:
            self._watch_time(True)
            self._emit(json.loads(line))

    def _emit(self, record: dict[str, Any]) -> None:
        self._origin = record
        try:
            if record["type"] == "reopen":
                log.reopen()
            elif record["type"] == "error" and record["level"] in _LEVELS:
                getattr(self._logger or log.error_log, record["level"])(record["message"])
            elif record["type"] == "access":
                self._emit_access(record)
        except Exception:  # noqa: BLE001 - a logger class is anybody's code, and the next line must be written
            log.error_log.exception("Exception in the logger")
        finally:
            self._origin = None

    def _emit_access(self, record: dict[str, Any]) -> None:
        if self._logger is None and self._format == "json":
            self._access_log.info("%s", json_line(record))
            return
        if self._logger is None:
            self._access_log.info(self._format, atoms(record))
            return
        duration = datetime.timedelta(microseconds=record["duration_us"])
        self._logger.access(Response(record), Request(record), record["environ"], duration)

    def _stamp_records(self) -> None:
        """Every record that is made while one of another process is emitted is that process's."""
        make = logging.getLogRecordFactory()

        def stamped(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            origin = self._origin
            if origin is not None:
                record.process = origin["pid"]
                record.created = origin["time"]
                record.msecs = origin["time"] % 1 * 1000
            return record

        logging.setLogRecordFactory(stamped)


def listen(path: str) -> socket.socket:
    """The socket that the log processes of this zygote share: what is sent while one is replaced waits in it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    return listener


def run(listener: socket.socket, lifeline: int, logger: Any, access_log_format: str) -> None:
    """The process's whole life; it has the loggers of the zygote that it was forked from. `logger`: an instance of
    logger_class, or None."""
    LogProcess(listener, lifeline, logger, access_log_format).run()
    os._exit(0)
