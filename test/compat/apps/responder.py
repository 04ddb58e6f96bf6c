"""An application for each way to answer: the path names the function below that does."""

import io
import json
import re
import sys
import tempfile

TEXT = ("Content-Type", "text/plain")


def application(environ, start_response):
    """What follows the function's name in the path is of no consequence."""
    name = re.match("/([a-z0-9-]*)", environ["PATH_INFO"])[1]
    return ANSWERS[name](environ, start_response)


ANSWERS = {}


def answer(function):
    ANSWERS[function.__name__.replace("_", "-")] = function
    return function


class Closing:
    """An iterable that says when it is closed."""

    def __init__(self, environ, items):
        self.errors = environ["wsgi.errors"]
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def close(self):
        self.errors.write("closed\n")


@answer
def mark(environ, start_response):
    """For the tests: everything that was logged before is before this line."""
    environ["wsgi.errors"].write(f"mark {environ['QUERY_STRING']}\n")
    start_response("200 OK", [TEXT, ("Content-Length", "0")])
    return []


@answer
def hello(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [b"hello"]


# -- bodies and their length -----------------------------------------------------------------------------------------


@answer
def without_length(_environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"hello, ", b"", b"world"]


@answer
def tuple_without_length(_environ, start_response):
    start_response("200 OK", [TEXT])
    return (b"hello",)


@answer
def generated(_environ, start_response):
    start_response("200 OK", [TEXT])
    yield from [b"", b"one", b"", b"two" * 10, b""]


@answer
def generated_with_length(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "6")])
    yield from [b"one", b"two"]


@answer
def started_late(_environ, start_response):
    """start_response is called when the first item is asked for."""
    start_response("200 OK", [TEXT, ("Content-Length", "4")])
    yield b"late"


@answer
def empty_list(_environ, start_response):
    start_response("200 OK", [TEXT])
    return []


@answer
def empty_item(_environ, start_response):
    start_response("200 OK", [TEXT])
    return [b""]


@answer
def empty_generator(_environ, start_response):
    start_response("200 OK", [TEXT])
    return iter([])


@answer
def empty_with_length(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "0")])
    return []


@answer
def too_long(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [b"hello, world"]


@answer
def too_long_generated(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    yield from [b"hel", b"lo, ", b"world"]


@answer
def too_short(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return [b"hello"]


@answer
def too_short_generated(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    yield from [b"hel", b"lo"]


@answer
def closed(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return Closing(environ, [b"he", b"llo"])


@answer
def large(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "300000")])
    return [b"x" * 300000]


def stored(position):
    """A file that is open at a position; whoever sends it closes it."""
    opened = tempfile.TemporaryFile()  # noqa: SIM115
    opened.write(b"0123456789")
    opened.seek(position)
    return opened


@answer
def file(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "7")])
    return environ["wsgi.file_wrapper"](stored(3))


@answer
def file_without_length(environ, start_response):
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](stored(0), 4)


@answer
def file_in_memory(environ, start_response):
    start_response("200 OK", [TEXT])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"0123456789"), 4)


# -- write() ---------------------------------------------------------------------------------------------------------


@answer
def written(_environ, start_response):
    write = start_response("200 OK", [TEXT])
    write(b"one")
    write(b"")
    write(b"two")
    return []


@answer
def written_and_returned(_environ, start_response):
    write = start_response("200 OK", [TEXT, ("Content-Length", "6")])
    write(b"one")
    return [b"two"]


@answer
def written_as_text(_environ, start_response):
    write = start_response("200 OK", [TEXT])
    write("one")
    return []


# -- statuses --------------------------------------------------------------------------------------------------------


def status(line, headers=(TEXT,), body=b"body"):
    def respond(_environ, start_response):
        start_response(line, list(headers))
        return [body]

    return respond


LENGTH = ("Content-Length", "4")
ANSWERS |= {
    "no-reason": status("200", [LENGTH]),
    "empty-reason": status("200 ", [LENGTH]),
    "own-reason": status("299 So be it", [LENGTH]),
    "latin-reason": status("200 Gr\xf6\xdfe", [LENGTH]),
    "unknown-code": status("799 Odd", [LENGTH]),
    "not-found": status("404 Not Found", [LENGTH]),
    "no-content": status("204 No Content", [], b""),
    "no-content-with-body": status("204 No Content", [LENGTH]),
    "reset-content": status("205 Reset Content", [("Content-Length", "0")], b""),
    "not-modified": status("304 Not Modified", [("ETag", '"x"')], b""),
    "not-modified-with-length": status("304 Not Modified", [LENGTH], b""),
    "not-modified-with-body": status("304 Not Modified", [LENGTH]),
    "short-status": status("20", [LENGTH]),
    "text-status": status("OK", [LENGTH]),
    "glued-status": status("200OK", [LENGTH]),
    "broken-status": status("200 O\r\nK", [LENGTH]),
    "early-status": status("103 Early Hints", [LENGTH]),
    "wide-status": status("200 \u20ac", [LENGTH]),
    "number-status": status(200, [LENGTH]),
    "bytes-status": status(b"200 OK", [LENGTH]),
    "no-status": status(None, [LENGTH]),
}


# -- headers ---------------------------------------------------------------------------------------------------------


def headers(*given):
    return status("200 OK", given)


ANSWERS |= {
    "cookies": headers(("Set-Cookie", "a=1; Path=/"), LENGTH, ("Set-Cookie", "b=2"), ("set-cookie", "c=3")),
    "order-and-case": headers(("X-B", "1"), ("x-a", "2"), ("content-LENGTH", "4"), ("X-b", "3"), TEXT),
    "padded-value": headers(("X-A", " \ta  b\t "), LENGTH),
    "empty-value": headers(("X-A", ""), LENGTH),
    "latin-value": headers(("X-A", "\xe9"), LENGTH),
    "header-list": headers(["X-A", "1"], LENGTH),
    "own-server": headers(("Server", "mine"), LENGTH),
    "own-date": headers(("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), LENGTH),
    "own-connection-close": headers(("Connection", "close"), LENGTH),
    "own-connection-keep-alive": headers(("Connection", "Keep-Alive"), LENGTH),
    "own-chunked": headers(("Transfer-Encoding", "chunked"), LENGTH),
    "hop-by-hop": headers(
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("Trailer", "X-T"),
        ("Trailers", "X-T"),
        ("Upgrade", "h2c"),
        LENGTH,
    ),
    "upgrade": headers(("Connection", "Upgrade"), ("Upgrade", "websocket"), LENGTH),
    "space-in-name": headers(("X A", "1"), LENGTH),
    "empty-name": headers(("", "1"), LENGTH),
    "wide-name": headers(("X-\u20ac", "1"), LENGTH),
    "newline-in-value": headers(("X-A", "1\r\nX-B: 2"), LENGTH),
    "newline-after-value": headers(("X-A", "1\n"), LENGTH),
    "nul-in-value": headers(("X-A", "1\0"), LENGTH),
    "wide-value": headers(("X-A", "\u20ac"), LENGTH),
    "number-value": headers(("X-A", 1), LENGTH),
    "bytes-value": headers(("X-A", b"1"), LENGTH),
    "bytes-name": headers((b"X-A", "1"), LENGTH),
    "triple": headers(("X-A", "1", "2"), LENGTH),
    "length-no-number": headers(("Content-Length", "x")),
    "length-negative": headers(("Content-Length", "-1")),
    "length-with-plus": headers(("Content-Length", "+4")),
    "length-underscored": headers(("Content-Length", "0_4")),
    "length-padded": headers(("Content-Length", " 4 ")),
    "length-twice": headers(LENGTH, LENGTH),
    "length-contradictory": headers(LENGTH, ("Content-Length", "3")),
}


@answer
def headers_as_tuple(_environ, start_response):
    start_response("200 OK", (TEXT, LENGTH))
    return [b"body"]


# -- exc_info --------------------------------------------------------------------------------------------------------


def raised():
    """The exc_info of an error."""
    try:
        int("oops")
    except ValueError:
        return sys.exc_info()


@answer
def exc_info_first(_environ, start_response):
    start_response("500 Sorry", [TEXT, ("Content-Length", "5")], raised())
    return [b"sorry"]


@answer
def exc_info_instead(_environ, start_response):
    start_response("200 OK", [("X-A", "1"), LENGTH])
    start_response("500 Sorry", [TEXT, ("Content-Length", "5")], raised())
    return [b"sorry"]


@answer
def exc_info_too_late(_environ, start_response):
    start_response("200 OK", [TEXT])
    yield b"begun"
    start_response("500 Sorry", [TEXT], raised())
    yield b"sorry"


@answer
def started_twice(_environ, start_response):
    start_response("200 OK", [TEXT])
    start_response("200 OK", [TEXT])
    return [b"twice"]


# -- errors ----------------------------------------------------------------------------------------------------------


@answer
def never_started(_environ, _start_response):
    return [b"body"]


@answer
def never_started_and_empty(_environ, _start_response):
    return []


@answer
def raising(_environ, _start_response):
    raise ValueError("oops")


@answer
def raising_after_start(_environ, start_response):
    start_response("200 OK", [TEXT])
    raise ValueError("oops")


@answer
def raising_in_iteration(environ, start_response):
    start_response("200 OK", [TEXT])

    def items():
        raise ValueError("oops")
        yield b""

    return Closing(environ, items())


@answer
def raising_in_body(_environ, start_response):
    start_response("200 OK", [TEXT])
    yield b"begun"
    raise ValueError("oops")


@answer
def raising_in_body_with_length(_environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    yield b"begun"
    raise ValueError("oops")


@answer
def raising_in_close(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "5")])

    class Failing(Closing):
        def close(self):
            raise ValueError("oops")

    return Failing(environ, [b"hello"])


@answer
def exiting(_environ, _start_response):
    raise SystemExit("leaving")


@answer
def returning_none(_environ, start_response):
    start_response("200 OK", [TEXT])


@answer
def returning_bytes(_environ, start_response):
    start_response("200 OK", [TEXT])
    return b"hello"


@answer
def returning_text(_environ, start_response):
    start_response("200 OK", [TEXT])
    return ["hello"]


@answer
def returning_text_second(_environ, start_response):
    start_response("200 OK", [TEXT])
    return [b"hello", "world"]


# -- early hints -----------------------------------------------------------------------------------------------------

LINK = ("Link", "</style.css>; rel=preload")


@answer
def hints(environ, start_response):
    environ["wsgi.early_hints"]([LINK, ("X-A", "1")])
    environ["wsgi.early_hints"]([LINK])
    start_response("200 OK", [LENGTH])
    return [b"body"]


@answer
def hints_in_body(environ, start_response):
    start_response("200 OK", [LENGTH])
    yield b"bo"
    environ["wsgi.early_hints"]([LINK])
    yield b"dy"


@answer
def hints_invalid(environ, start_response):
    environ["wsgi.early_hints"]([("X A", "1")])
    start_response("200 OK", [LENGTH])
    return [b"body"]


# -- input and errors ------------------------------------------------------------------------------------------------


@answer
def reads(environ, start_response):
    """Every way to read, as far as the body goes."""
    body = environ["wsgi.input"]
    seen = [
        body.read(0),
        body.read(2),
        body.readline(),
        body.readline(2),
        body.readlines(),
        body.read(),
        body.read(5),
    ]
    text = json.dumps(
        [item.decode() if isinstance(item, bytes) else [line.decode() for line in item] for item in seen]
    )
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text.encode()]


@answer
def iterates(environ, start_response):
    text = "|".join(line.decode() for line in environ["wsgi.input"])
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text.encode()]


@answer
def complains(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("written\n")
    errors.writelines(["lines\n", "more\n"])
    errors.flush()
    print("printed", file=errors)
    start_response("200 OK", [LENGTH])
    return [b"body"]
