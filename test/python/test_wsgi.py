"""The WSGI call: which frames an application's answer becomes."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tunicorn.file_wrapper import BLOCK_BYTES, FileWrapper
from tunicorn.reply import ClientGone, GatewayGone, ReplyStream
from tunicorn.response_head import ResponseHead
from tunicorn.wsgi import WSGIRequest

Frame = tuple[Any, ...]
StartResponse = Callable[..., Callable[[bytes], None]]


class Recorder(ReplyStream):
    """A stream that keeps what would be sent."""

    def __init__(self, items_until_left: int = 1_000_000) -> None:
        """`items_until_left`: how many items the client takes before it leaves."""
        self.frames: list[Frame] = []
        self.items_until_left = items_until_left

    def look_for_client(self, ticket: int) -> None:
        if len(self.frames) >= self.items_until_left:
            raise ClientGone

    def whole(self, ticket: int, head: ResponseHead, body: bytes) -> None:
        self.frames.append(("whole", head.block, body))

    def head(self, ticket: int, head: ResponseHead, first: bytes) -> None:
        self.look_for_client(ticket)
        self.frames.append(("head", head.block, first))

    def body(self, ticket: int, data: bytes) -> None:
        self.look_for_client(ticket)
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


@pytest.mark.parametrize("item", [b"one", b""])
@pytest.mark.parametrize("taken", [0, 1, 3])
def test_close_is_called_at_the_next_item_when_the_client_has_left(item: bytes, taken: int) -> None:
    closed: list[bool] = []
    stream = Recorder(items_until_left=taken)

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield from [b"taken"] * taken
            while not closed:
                yield item

        def close(self) -> None:
            closed.append(True)

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    request = WSGIRequest(stream, 1)
    with pytest.raises(ClientGone):
        request.run(application, {})
    assert closed == [True]
    assert len(stream.frames) == taken
    request.fail()
    assert stream.frames[-1] == ("fail",), "the stream stays in step"


def test_an_iterable_without_close_ends_at_the_next_item_when_the_client_has_left() -> None:
    stream = Recorder(items_until_left=1)

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        return map(bytes, itertools.count(1))

    with pytest.raises(ClientGone):
        WSGIRequest(stream, 1).run(application, {})


def test_no_more_of_a_file_is_read_than_its_content_length_asks_for() -> None:
    file = io.BytesIO(bytes(10 * BLOCK_BYTES))
    places: list[int] = []
    file.close = lambda: places.append(file.tell())  # type: ignore[method-assign]

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("206 Partial Content", [("Content-Length", str(BLOCK_BYTES + 1))])
        return FileWrapper(file)

    assert [frame[0] for frame in run(application)] == ["head", "body", "end"]
    assert places == [2 * BLOCK_BYTES]


def test_write_raises_what_a_socket_would_when_the_client_has_left() -> None:
    left: list[bool] = []

    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"taken")
        try:
            write(b"too late")
        except ConnectionError:
            left.append(True)
        return []

    WSGIRequest(Recorder(items_until_left=1), 1).run(application, {})
    assert left == [True]


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


@pytest.mark.parametrize(("length", "kinds"), [("3", ["whole"]), ("9", ["head", "body", "end"])])
def test_a_stream_that_is_longer_or_shorter_than_its_content_length(length: str, kinds: list[str]) -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", length)])
        yield b"four"
        yield b"more"

    assert [frame[0] for frame in run(application)] == kinds


@pytest.mark.parametrize("body", [[], (), [b""], iter(()), iter([b"", b""])])
def test_an_answer_without_a_body_is_one_frame(body: Iterable[bytes]) -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("204 No Content", [])
        return body

    assert run(application) == [("whole", b"204 No Content\r\n", b"")]


def test_start_response_may_be_called_as_late_as_before_the_first_item() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"

    def late(environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        yield from application(environ, start_response)

    assert run(late) == [("head", b"200 OK\r\n", b"one"), ("end",)]


def test_a_body_is_streamed_unless_it_is_a_plain_list_or_tuple() -> None:
    class Pieces(list[bytes]):
        pass

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Pieces([b"one", b"two"])

    assert [frame[0] for frame in run(application)] == ["head", "body", "end"]


def test_close_is_called_once_when_an_item_is_refused() -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            text: Any = "text"
            return iter([text])

        def close(self) -> None:
            closed.append(True)

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    with pytest.raises(TypeError, match=r"^'text' is not a byte$"):
        run(application)
    assert closed == [True]


def test_an_error_of_close_comes_through_after_the_whole_reply() -> None:
    stream = Recorder()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one"])

        def close(self) -> None:
            raise RuntimeError("close")

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    request = WSGIRequest(stream, 1)
    with pytest.raises(RuntimeError, match=r"^close$"):
        request.run(application, {})
    request.fail()
    assert [frame[0] for frame in stream.frames] == ["head", "end"]


def test_a_failure_in_mid_body_is_told_after_what_was_sent() -> None:
    stream = Recorder()

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"
        raise RuntimeError

    request = WSGIRequest(stream, 1)
    with pytest.raises(RuntimeError):
        request.run(application, {})
    request.fail()
    assert [frame[0] for frame in stream.frames] == ["head", "fail"]


def test_a_gateway_that_is_gone_ends_the_iteration_and_closes_the_body() -> None:
    produced: list[int] = []
    closed: list[bool] = []

    class Gone(Recorder):
        def body(self, ticket: int, data: bytes) -> None:
            raise GatewayGone

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for number in range(100):
                produced.append(number)
                yield b"x"

        def close(self) -> None:
            closed.append(True)

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Body:
        start_response("200 OK", [])
        return Body()

    with pytest.raises(GatewayGone):
        WSGIRequest(Gone(), 1).run(application, {})
    assert produced == [0, 1]
    assert closed == [True]


@pytest.mark.parametrize("data", ["text", None, bytearray(b"x"), memoryview(b"x")])
def test_write_takes_bytes_only(data: Any) -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])(data)
        return []

    with pytest.raises(TypeError, match=r"is not a byte$"):
        run(application)


def test_nothing_is_sent_after_the_body_is_as_long_as_promised() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [("Content-Length", "3")])
        write(b"one")
        write(b"two")
        return [b"three"]

    assert [frame[0] for frame in run(application)] == ["whole"]


def test_a_wrapped_file_is_streamed_and_closed() -> None:
    file = io.BytesIO(b"content")

    def application(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "7")])
        return FileWrapper(file)

    assert run(application) == [("whole", b"200 OK\r\nContent-Length: 7\r\n", b"content")]
    assert file.closed


def test_headers_that_are_refused_leave_the_answer_open_for_an_error() -> None:
    def application(_environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        try:
            start_response("200 OK", [("X-A", "1\n")])
        except ValueError:
            start_response("500 Oops", [])
        return [b"x"]

    assert run(application) == [("whole", b"500 Oops\r\n", b"x")]


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
