"""What `start_response` accepts, and the bytes it becomes."""

from __future__ import annotations

import pytest

from tunicorn import response_head
from tunicorn.layout import FLAG_CLOSE
from tunicorn.response_head import InvalidHeader, InvalidStatus, ResponseHead, early_hint_lines


def test_status_and_headers_become_lines_in_their_order() -> None:
    head = ResponseHead("200 OK", [("X-B", "1"), ("x-a", " two "), ("X-B", "3")])
    assert head.block == b"200 OK\r\nX-B: 1\r\nx-a: two\r\nX-B: 3\r\n"
    assert (head.status_code, head.content_length, head.flags) == (200, -1, 0)


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


def test_the_servers_own_fields_are_dropped_and_the_wish_to_close_is_kept() -> None:
    own = [
        ("Server", "x"),
        ("Date", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Keep-Alive", "1"),
        ("Upgrade", "x"),
    ]
    assert ResponseHead("200 OK", own).block == b"200 OK\r\n"
    assert ResponseHead("200 OK", [("Connection", "Close")]).flags == FLAG_CLOSE
    assert ResponseHead("200 OK", [("Connection", "keep-alive")]).flags == 0


def test_content_length_is_one_run_of_digits() -> None:
    assert ResponseHead("200 OK", [("Content-Length", "12")]).content_length == 12
    assert (
        ResponseHead("200 OK", [("Content-Length", "1"), ("content-length", "1")]).block.count(b"ength") == 1
    )
    for value in ("-1", "+1", "1_0", "x", "", "1, 1"):
        with pytest.raises(InvalidHeader):
            ResponseHead("200 OK", [("Content-Length", value)])
    with pytest.raises(InvalidHeader):
        ResponseHead("200 OK", [("Content-Length", "1"), ("Content-Length", "2")])


@pytest.mark.parametrize("status", ["204 No Content", "103 Early Hints"])
def test_a_response_without_a_body_has_no_content_length(status: str) -> None:
    assert b"Content-Length" not in ResponseHead(status, [("Content-Length", "0")]).block


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3000):
        ResponseHead(f"200 {number}", [("X-Number", str(number)), ("X-Long", "x" * 300)])
    assert len(response_head._lines) <= 1024  # noqa: SLF001 - the bound is the point
    assert len(response_head._statuses) <= 1024  # noqa: SLF001


def test_early_hints_are_lines_without_a_status() -> None:
    assert early_hint_lines([("Link", "</a.css>; rel=preload")]) == b"Link: </a.css>; rel=preload\r\n"
