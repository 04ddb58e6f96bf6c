"""Where syslog listens, which logger class is meant, and what is said of mistakes."""

from __future__ import annotations

import json
import logging
import socket
import sys

import pytest

from tunicorn.log_configuration import LogConfigurationError, _import_class, syslog_address, with_objects
from tunicorn.log_process import Request, Response, atoms, escaped, json_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:///dev/log", (None, "/dev/log")),
        ("unix:///dev/log#dgram", (socket.SOCK_DGRAM, "/dev/log")),
        ("unix:///dev/log#stream", (socket.SOCK_STREAM, "/dev/log")),
        ("udp://localhost:514", (socket.SOCK_DGRAM, ("localhost", 514))),
        ("udp://", (socket.SOCK_DGRAM, ("localhost", 514))),
        ("udp://Log.Example", (socket.SOCK_DGRAM, ("log.example", 514))),
        ("tcp://[::1]:6514", (socket.SOCK_STREAM, ("::1", 6514))),
        ("tcp://[::1]", (socket.SOCK_STREAM, ("::1", 514))),
    ],
)
def test_an_address_of_syslog(text: str, expected: object) -> None:
    assert syslog_address(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nope", "invalid syslog address"),
        ("http://a", "invalid syslog address"),
        ("udp://a:b", "'b' is not a valid port number."),
        ("udp://a:", "'' is not a valid port number."),
    ],
)
def test_an_address_that_is_none(text: str, message: str) -> None:
    with pytest.raises(LogConfigurationError, match=f"^{message}$"):
        syslog_address(text)


def test_a_class_that_needs_gunicorn_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gunicorn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    with pytest.raises(LogConfigurationError, match="needs Gunicorn, which is not installed"):
        _import_class("gunicorn.glogging.Logger")


@pytest.mark.parametrize("name", ["nope", "nope.Nope", "os.Nope", ""])
def test_a_class_that_is_not_there(name: str) -> None:
    with pytest.raises(LogConfigurationError, match="invalid or not found"):
        _import_class(name)


def test_objects_of_the_configuration_file_take_the_place_of_their_descriptions() -> None:
    settings = {"logger_class": True, "logconfig_dict": {"a": "<object>"}, "accesslog": None}
    values = {"logger_class": dict, "logconfig_dict": {"a": object}, "workers": 2}
    assert with_objects(settings, values) == {
        "logger_class": dict,
        "logconfig_dict": {"a": object},
        "accesslog": None,
    }
    assert with_objects({**settings, "logger_class": None}, {})["logconfig_dict"] == {"a": "<object>"}


RECORD = {
    "environ": {
        "REMOTE_ADDR": "192.0.2.1",
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/a%0Ab?q",
        "PATH_INFO": "/a\nb",
        "QUERY_STRING": "q",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "HTTP_USER_AGENT": 'a"\xe9',
        "HTTP_AUTHORIZATION": "Basic dTp4",
    },
    "request_fields": [["user-agent", 'a"\xe9'], ["x-a", "1"]],
    "response_fields": [["Content-Type", "text/plain"]],
    "status": 200,
    "bytes": 5,
    "duration_us": 1_234_567,
    "pid": 7,
    "time": 0.5,
}


def test_atoms_are_gunicorns_and_escaped() -> None:
    found = atoms(RECORD)
    expected = {
        "h": "192.0.2.1",
        "u": "u",
        "U": "/a\\x0ab",
        "a": 'a\\"\\xe9',
        "s": "200",
        "B": 5,
        "T": 1,
        "M": 1234,
        "D": 1_234_567,
        "L": "1.234567",
        "p": "<7>",
        "{X-A}i": "1",
        "{content-type}o": "text/plain",
        "{Remote_Addr}e": "192.0.2.1",
        "{nope}i": "-",
        "nope": "-",
    }
    assert {name: found[name] for name in expected} == expected
    line = logging.LogRecord("a", logging.INFO, "", 1, "%(U)s %({X-A}i)s %(nope)s", (found,), None)
    assert line.getMessage() == "/a\\x0ab 1 -"
    assert escaped(3) == 3


def test_a_line_of_json_is_that_of_the_gateway() -> None:
    line = json_line({**RECORD, "status": 404})
    assert line.isascii()
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500Z",
        "remote_addr": "192.0.2.1",
        "user": "u",
        "method": "GET",
        "target": "/a%0Ab?q",
        "path": "/a\nb",
        "query": "q",
        "protocol": "HTTP/1.1",
        "host": None,
        "status": 404,
        "bytes": 5,
        "duration_ms": 1234.567,
        "referer": None,
        "user_agent": 'a"\xe9',
        "worker_pid": 7,
    }


def test_a_logger_class_gets_objects_like_gunicorns() -> None:
    request, response = Request(RECORD), Response(RECORD)
    assert (response.status, response.status_code, response.sent) == ("200 OK", 200, 5)
    assert response.headers == [("Content-Type", "text/plain")]
    assert Response({**RECORD, "status": 799}).status == "799"
    assert request.headers == [("USER-AGENT", 'a"\xe9'), ("X-A", "1")]
    assert (request.method, request.uri, request.path, request.version) == (
        "GET",
        "/a%0Ab?q",
        "/a\nb",
        (1, 1),
    )
