"""What `start_response` accepts, and the bytes it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from tunicorn import response_head
from tunicorn.layout import FLAG_CLOSE
from tunicorn.response_head import InvalidHeader, InvalidStatus, ResponseHead, early_hint_lines


def test_status_and_headers_become_lines_in_their_order() -> None:
    head = ResponseHead("200 OK", [("X-B", "1"), ("x-a", " two "), ("X-B", "3")])
    assert head.block == b"200 OK\r\nX-B: 1\r\nx-a: two\r\nX-B: 3\r\n"
    assert (head.status_code, head.content_length, head.flags) == (200, -1, 0)


@pytest.mark.parametrize("status", ["200", "200 ", "200 OK", "404 not\tfound", "500 D\xe9faut", "999 x"])
def test_a_reason_phrase_may_be_anything_printable_or_nothing(status: str) -> None:
    for _ in range(2):
        head = ResponseHead(status, [])
        assert head.block == f"{status}\r\n".encode("latin-1")
        assert head.status_code == int(status[:3])


@pytest.mark.parametrize("status", ["", "20", "2000 OK", "200OK", "abc", "200 O\nK", "٢٠٠ OK"])
def test_a_status_that_is_none_is_refused(status: str) -> None:
    with pytest.raises(InvalidStatus):
        ResponseHead(status, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("a\n", "x"),
        ("a", "x\ny"),
        ("a", "x\r"),
        ("a", "x\0"),
        ("a", "€"),
    ],
)
def test_a_header_that_could_break_the_head_is_refused_each_time(name: str, value: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidHeader):
            ResponseHead("200 OK", [(name, value)])


def test_a_header_is_told_with_what_is_wrong_with_it() -> None:
    with pytest.raises(InvalidHeader, match=r"^Invalid header name: 'a b'$"):
        ResponseHead("200 OK", [("a b", "x")])
    with pytest.raises(InvalidHeader, match=r"^Invalid header value of X-A: 'x\\ny'$"):
        ResponseHead("200 OK", [("X-A", "x\ny")])
    with pytest.raises(InvalidStatus, match=r"^Invalid response status: 'no'$"):
        ResponseHead("no", [])


@pytest.mark.parametrize(
    ("status", "headers", "culprit"),
    [
        (200, [], "200"),
        (b"200 OK", [], "b'200 OK'"),
        ("200 OK", [(1, "x")], "1"),
        ("200 OK", [("X-A", 1)], "1"),
        ("200 OK", [("X-A", b"x")], "b'x'"),
        ("200 OK", [("X-A", None)], "None"),
        ("200 OK", [("X-A", ["x"])], r"\['x'\]"),
    ],
)
def test_what_is_no_string_is_refused(status: Any, headers: Any, culprit: str) -> None:
    with pytest.raises(TypeError, match=f"^{culprit} is not a string$"):
        ResponseHead(status, headers)


def test_a_header_may_be_a_list_of_two_as_in_gunicorn() -> None:
    headers: Any = [["X-A", "1"]]
    assert ResponseHead("200 OK", headers).block == b"200 OK\r\nX-A: 1\r\n"


def test_values_are_latin_1_and_may_hold_blanks_and_tabs() -> None:
    head = ResponseHead("200 OK", [("X-A", "\t caf\xe9 \t x \t"), ("X-B", "")])
    assert head.block == b"200 OK\r\nX-A: caf\xe9 \t x\r\nX-B: \r\n"


OWN = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailers",
    "Transfer-Encoding",
    "Upgrade",
    "Server",
    "Date",
]


@pytest.mark.parametrize("name", [spelling for name in OWN for spelling in (name, name.lower())])
def test_the_servers_own_fields_are_dropped(name: str) -> None:
    for _ in range(2):
        assert ResponseHead("200 OK", [(name, "x"), ("X-A", "1")]).block == b"200 OK\r\nX-A: 1\r\n"


def test_fields_of_the_server_must_be_valid_all_the_same() -> None:
    with pytest.raises(InvalidHeader):
        ResponseHead("200 OK", [("Server", "x\r\nX-Evil: 1")])


def test_the_wish_to_close_is_kept_each_time() -> None:
    for value in ("close", "Close", " close "):
        for _ in range(2):
            assert ResponseHead("200 OK", [("Connection", value)]).flags == FLAG_CLOSE
    assert ResponseHead("200 OK", [("Connection", "keep-alive")]).flags == 0


def test_content_length_is_one_run_of_digits() -> None:
    assert ResponseHead("200 OK", [("Content-Length", "12")]).content_length == 12
    assert (
        ResponseHead("200 OK", [("Content-Length", "1"), ("content-length", "1")]).block.count(b"ength") == 1
    )
    for value in ("-1", "+1", "1_0", "x", "", "1, 1", "1 1", "1.0", "0x1", "\xb2"):
        with pytest.raises(InvalidHeader):
            ResponseHead("200 OK", [("Content-Length", value)])
    with pytest.raises(InvalidHeader):
        ResponseHead("200 OK", [("Content-Length", "1"), ("Content-Length", "2")])


def test_content_length_is_kept_as_the_application_spelled_it() -> None:
    head = ResponseHead("304 Not Modified", [("content-LENGTH", " 007 ")])
    assert head.content_length == 7
    assert head.block == b"304 Not Modified\r\ncontent-LENGTH: 007\r\n"


def test_a_response_without_a_body_has_no_content_length() -> None:
    assert b"Content-Length" not in ResponseHead("204 No Content", [("Content-Length", "0")]).block
    assert early_hint_lines([("Content-Length", "0")]) == b""


@pytest.mark.parametrize(
    "status", ["100 Continue", "101 Switching Protocols", "103 Early Hints", "199", "000 X", "099"]
)
def test_a_status_that_is_not_final_is_refused(status: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidStatus, match="not a final one"):
            ResponseHead(status, [])


def test_a_head_is_bounded() -> None:
    headers = [("X-Long", "x" * 10_000)]
    ResponseHead("200 OK", headers * 100)
    with pytest.raises(InvalidHeader, match="1048576 are the limit"):
        ResponseHead("200 OK", headers * 105)


def test_a_content_length_is_a_number_that_there_can_be() -> None:
    with pytest.raises(InvalidHeader):
        ResponseHead("200 OK", [("Content-Length", "9" * 16)])


def test_what_is_remembered_is_what_was_valid() -> None:
    valid = [("X-A", "1"), ("X-A", "2"), ("x-a", "1"), ("X-B", "1")]
    for _ in range(2):
        for header in valid:
            line = "{}: {}\r\n".format(*header)
            assert ResponseHead("200 OK", [header]).block == f"200 OK\r\n{line}".encode()
        with pytest.raises(InvalidHeader):
            ResponseHead("200 OK", [("X-A", "1\n")])


def test_long_lines_are_not_remembered() -> None:
    before = len(response_head._lines)  # noqa: SLF001 - that it does not grow is the point
    ResponseHead("200 OK", [("X-Long-Value", "x" * 300)])
    assert len(response_head._lines) == before  # noqa: SLF001


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3000):
        ResponseHead(f"200 {number}", [("X-Number", str(number)), ("X-Long", "x" * 300)])
    assert len(response_head._lines) <= 1024  # noqa: SLF001 - the bound is the point
    assert len(response_head._statuses) <= 1024  # noqa: SLF001


def test_early_hints_are_lines_without_a_status() -> None:
    assert early_hint_lines([("Link", "</a.css>; rel=preload")]) == b"Link: </a.css>; rel=preload\r\n"
