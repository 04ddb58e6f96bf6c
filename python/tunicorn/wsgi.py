"""The WSGI call of one request (PEP 3333): application(environ, start_response) → frames of the reply.

A reply whose body is complete when its head is sent goes out as one frame: a list or tuple, and the first item of any
iterable that fills the application's Content-Length. Everything else is streamed, each item at once.

Runs in: worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from .file_wrapper import FileWrapper, maybe_file_part
from .layout import FILE_KEPT, FILE_REFUSED
from .reply import ReplyStream
from .response_head import ResponseHead, early_hint_lines

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
Application = Callable[..., Iterable[bytes]]


class WSGIRequest:
    """One request in work: `start_response`, `write()` and what has been sent so far."""

    __slots__ = ("_answered", "_head", "_head_sent", "_stream", "_ticket")

    def __init__(self, stream: ReplyStream, ticket: int) -> None:
        self._stream = stream
        self._ticket = ticket
        self._head: ResponseHead | None = None
        self._head_sent = False
        self._answered = False

    def run(self, application: Application, environ: dict[str, Any]) -> None:
        """Raises whatever the application raises, GatewayGone and ClientGone. `close()` of the iterable is called all
        the same, unless its file is still read (files_out.py)."""
        environ["wsgi.early_hints"] = self.early_hints
        result = application(environ, self.start_response)
        is_kept = False
        try:
            is_kept = self._send_result(result)
        finally:
            if not is_kept and hasattr(result, "close"):
                result.close()

    def fail(self) -> None:
        """The application raised: the gateway answers 500, or cuts the client off when the head was sent already."""
        if not self._answered:
            self._answered = True
            self._stream.fail(self._ticket)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info:
            try:
                if self._head_sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # breaks the reference cycle, as PEP 3333 asks
        elif self._head is not None:
            raise AssertionError("Response headers already set!")
        self._head = ResponseHead(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """The `write()` callable that start_response returns; also sends each item of the iterable."""
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not a byte")
        head = self._head
        if head is None:
            raise AssertionError("start_response was not called")
        if not data or self._answered:
            if not self._answered:
                self._stream.look_for_client(self._ticket)
            return
        if self._head_sent:
            self._stream.body(self._ticket, data)
            return
        self._head_sent = True
        if 0 <= head.content_length <= len(data):
            self._answered = True
            self._stream.whole(self._ticket, head, data)
        else:
            self._stream.head(self._ticket, head, data)

    def early_hints(self, headers: list[tuple[str, str]]) -> None:
        """`wsgi.early_hints`: a 103 response before the final one (RFC 8297); nothing afterwards."""
        if not self._head_sent and not self._answered:
            self._stream.early_hints(self._ticket, early_hint_lines(headers))

    def _send_result(self, result: Iterable[bytes]) -> bool:
        """Returns whether the result is still read, and so not to be closed yet."""
        kind = type(result)
        if kind is list or kind is tuple:
            self._finish(_join(result))
            return False
        if isinstance(result, FileWrapper):
            return self._send_file(result)
        write = self.write
        for item in result:
            write(item)
        self._finish(b"")
        return False

    def _send_file(self, wrapper: FileWrapper) -> bool:
        """Returns whether the gateway still reads it."""
        answer = self._hand_over(wrapper) if type(wrapper) is FileWrapper else FILE_REFUSED
        if answer != FILE_REFUSED:
            return answer == FILE_KEPT
        sent = 0
        for block in wrapper:
            self.write(block)
            sent += len(block)
            # A part of a file that is much larger, perhaps.
            if self._head is not None and 0 <= self._head.content_length <= sent:
                break
        self._finish(b"")
        return False

    def _hand_over(self, wrapper: FileWrapper) -> int:
        """What the gateway answers; after a refusal the body is to be sent."""
        head = self._head
        if head is None or self._head_sent:
            return FILE_REFUSED
        part = maybe_file_part(wrapper.filelike, head.content_length)
        if part is None:
            return FILE_REFUSED
        answer = self._stream.hand_over(self._ticket, head, part, wrapper)
        if answer != FILE_REFUSED:
            self._head_sent = self._answered = True
        return answer

    def _finish(self, rest: bytes) -> None:
        """Sends the last bytes and the end."""
        head = self._head
        if head is None:
            raise AssertionError("start_response was not called")
        if self._answered:
            return
        if not self._head_sent:
            self._head_sent = self._answered = True
            self._stream.whole(self._ticket, head, rest)
            return
        if rest:
            self._stream.body(self._ticket, rest)
        self._answered = True
        self._stream.end(self._ticket)


def _join(items: Any) -> bytes:
    if len(items) == 1 and isinstance(items[0], bytes):
        single: bytes = items[0]
        return single
    for item in items:
        if not isinstance(item, bytes):
            raise TypeError(f"{item!r} is not a byte")
    return b"".join(items)
