"""Validates what an application passes to `start_response` and turns it into ready bytes.

It is done here rather than in the gateway because workers are many and a gateway is shared. What was valid once is
remembered, because an application sends the same few lines again and again.

Runs in: worker.
"""

from __future__ import annotations

import re

from .layout import FLAG_CLOSE

# RFC 9110 §15, and Gunicorn: the reason phrase may be missing.
_STATUS = re.compile(r"([0-9]{3})(?: [\t\x20-\x7e\x80-\xff]*)?")
# RFC 9110 §5.6.2 and §5.5.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_WHITESPACE = " \t"
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# The server's own: hop-by-hop fields (RFC 9110 §7.6.1), and those that it adds itself. Dropped, as in Gunicorn.
_SERVERS_OWN = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "server",
        "date",
    }
)

# What a double holds without loss has at least as many digits.
_LENGTH_DIGITS = 15

_CACHE_ENTRIES = 1024
_CACHE_LINE_CHARACTERS = 256

_statuses: dict[str, tuple[int, bytes]] = {}
_lines: dict[tuple[str, str], bytes] = {}


# The gateway takes no head that is larger (PROTOCOL.md §5).
HEAD_BYTES = 1024 * 1024


class InvalidStatus(ValueError):
    """The status is not three digits, optionally with a space and a reason phrase, or is not a final one."""


class InvalidHeader(ValueError):
    """A header's name or value must not stand in a response."""


class ResponseHead:
    """Status and header lines, ready for the gateway. `content_length` is -1 when the application gave none."""

    __slots__ = ("block", "content_length", "flags", "status_code")

    def __init__(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.content_length = -1
        self.flags = 0
        self.status_code, status_line = _statuses.get(status) or _status(status)
        parts = [status_line]
        for header in headers:
            try:
                line = _lines.get(header)
            except TypeError:  # a list instead of a tuple: not hashable, but Gunicorn takes it
                line = None
            parts.append(self._line(header) if line is None else line)
        self.block = b"".join(parts)
        if len(self.block) > HEAD_BYTES:
            raise InvalidHeader(f"Response head of {len(self.block)} bytes; {HEAD_BYTES} are the limit")

    def _line(self, header: tuple[str, str]) -> bytes:
        name, value = header
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is not a string")
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is not a string")
        if not _NAME.fullmatch(name):
            raise InvalidHeader(f"Invalid header name: {name!r}")
        if not _VALUE.fullmatch(value):
            raise InvalidHeader(f"Invalid header value of {name}: {value!r}")
        lower = name.lower()
        if lower == "content-length":
            return self._content_length(name, value.strip(_WHITESPACE))
        if lower in _SERVERS_OWN:
            if lower == "connection" and value.strip(_WHITESPACE).lower() == "close":
                self.flags |= FLAG_CLOSE
            return b""
        line = f"{name}: {value.strip(_WHITESPACE)}\r\n".encode("latin-1")
        if len(line) <= _CACHE_LINE_CHARACTERS:
            if len(_lines) >= _CACHE_ENTRIES:
                _lines.clear()
            _lines[name, value] = line
        return line

    def _content_length(self, name: str, value: str) -> bytes:
        """Digits only; a repetition must agree, and only one line is sent. 204 has none (RFC 9110 §8.6)."""
        if not (value.isascii() and value.isdigit() and len(value) <= _LENGTH_DIGITS):
            raise InvalidHeader(f"Invalid Content-Length: {value!r}")
        length = int(value)
        if self.content_length == length:
            return b""
        if self.content_length >= 0:
            raise InvalidHeader(f"Contradictory Content-Length: {self.content_length} and {length}")
        if self.status_code == 204:
            return b""
        self.content_length = length
        return f"{name}: {value}\r\n".encode("latin-1")


def _status(status: str) -> tuple[int, bytes]:
    if not isinstance(status, str):
        raise TypeError(f"{status!r} is not a string")
    match = _STATUS.fullmatch(status)
    if match is None:
        raise InvalidStatus(f"Invalid response status: {status!r}")
    if int(match[1]) < 200:
        # Whoever asked would wait for another response, and take that to its next request for it (RFC 9110 §15.2).
        raise InvalidStatus(f"Invalid response status: {status!r} is not a final one")
    parsed = int(match[1]), f"{status}\r\n".encode("latin-1")
    if len(_statuses) >= _CACHE_ENTRIES:
        _statuses.clear()
    _statuses[status] = parsed
    return parsed


def early_hint_lines(headers: list[tuple[str, str]]) -> bytes:
    """The header lines of a 103 response, validated like any other: of a 204, which has no Content-Length either."""
    return ResponseHead("204", headers).block.partition(b"\r\n")[2]
