"""The WSGI call: which frames an application's answer becomes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tunicorn.reply import ReplyStream
from tunicorn.response_head import ResponseHead
from tunicorn.wsgi import WSGIRequest

Frame = tuple[Any, ...]
StartResponse = Callable[..., Callable[[bytes], None]]


class Recorder(ReplyStream):
    """A stream that keeps what would be sent."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def whole(self, ticket: int, head: ResponseHead, body: bytes) -> None:
        self.frames.append(("whole", head.block, body))

    def head(self, ticket: int, head: ResponseHead, first: bytes) -> None:
        self.frames.append(("head", head.block, first))

    def body(self, ticket: int, data: bytes) -> None:
        self.frames.append(("body", data))

    def end(self, ticket: int) -> None:
        self.frames.append(("end",))

    def fail(self, ticket: int) -> None:
        self.frames.append(("fail",))

    def early_hints(self, ticket: int, lines: bytes) -> None:
        self.frames.append(("hints", lines))


def run(application: Callable[[dict[str, Any], StartResponse], Iterable[bytes]]) -> list[Frame]:
    stream = Recorder()
    WSGIRequest(stream, 1).run(application, {})
    return stream.frames


@pytest.mark.parametrize("body", [[b"one"], (b"on", b"e"), [b"", b"one"]])
def test_a_list_or_tuple_is_one_frame(body: Iterable[bytes]) -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    assert run(application) == [("whole", b"200 OK\r\n", b"one")]


def test_a_generator_sends_each_item_that_is_not_empty() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        yield b"one"
        yield b"two"

    assert run(application) == [("head", b"200 OK\r\n", b"one"), ("body", b"two"), ("end",)]


def test_an_item_that_fills_content_length_ends_the_reply_before_close_is_called() -> None:
    order: list[str] = []
    stream = Recorder()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"12345"
            order.append(f"{len(stream.frames)} frame")

        def close(self) -> None:
            order.append("close")

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [("Content-Length", "5")])
        return Body()

    WSGIRequest(stream, 1).run(application, {})
    assert [frame[0] for frame in stream.frames] == ["whole"]
    assert order == ["1 frame", "close"]


def test_close_is_called_when_the_body_raises() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            raise RuntimeError

        def close(self) -> None:
            closed.append(True)

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    with pytest.raises(RuntimeError):
        run(application)
    assert closed == [True]


def test_write_sends_at_once_and_the_rest_follows() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one")
        return [b"two"]

    assert run(application) == [("head", b"200 OK\r\n", b"one"), ("body", b"two"), ("end",)]


def test_headers_given_with_exc_info_replace_the_ones_before() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("X-A", "1")])
        try:
            int("no number")
        except ValueError:
            start_response("500 Oops", [("X-B", "2")], sys.exc_info())
        return [b"x"]

    assert run(application) == [("whole", b"500 Oops\r\nX-B: 2\r\n", b"x")]


def test_exc_info_after_the_head_was_sent_is_raised() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"
        try:
            int("no number")
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())

    with pytest.raises(ValueError, match="no number"):
        run(application)


@pytest.mark.parametrize(
    ("result", "error"),
    [(["text"], TypeError), ([None], TypeError), (iter(["text"]), TypeError), (None, TypeError)],
)
def test_items_that_are_no_bytes_are_refused(result: Any, error: type[Exception]) -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Any:
        start_response("200 OK", [])
        return result

    with pytest.raises(error):
        run(application)


def test_start_response_is_called_once() -> None:
    def twice(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    def never(_environ: dict[str, Any], _start_response: StartResponse) -> list[bytes]:
        return [b"x"]

    for application in (twice, never):
        with pytest.raises(AssertionError):
            run(application)


def test_early_hints_go_before_the_head_only() -> None:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        environ["wsgi.early_hints"]([("Link", "</a>")])
        start_response("200 OK", [])
        yield b"one"
        environ["wsgi.early_hints"]([("Link", "</b>")])

    assert run(application)[0] == ("hints", b"Link: </a>\r\n")
    assert [frame[0] for frame in run(application)] == ["hints", "head", "end"]


def test_a_failure_is_told_once_and_not_after_the_end() -> None:
    stream = Recorder()
    request = WSGIRequest(stream, 1)
    request.fail()
    request.fail()
    assert stream.frames == [("fail",)]
