"""What PEP 3333 promises to an application, by path."""

import io
import sys
import threading

from basics import marker, text


def application(environ, start_response):
    return PAGES[environ["PATH_INFO"].split("/")[1]](environ, start_response)


def empty(_environ, start_response):
    return text(start_response, b"")


def reads(environ, start_response):
    """Each method of wsgi.input once, and what is left."""
    stream = environ["wsgi.input"]
    parts = [
        stream.read(2),
        stream.read(0),
        stream.readline(),
        stream.readline(3),
        stream.readlines(3),
        next(iter(stream)),
        len(stream.read()),
        stream.read(),
        stream.read(1),
        stream.readline(),
        stream.readlines(),
        list(stream),
    ]
    return text(start_response, repr(parts).encode())


def reads_nothing(_environ, start_response):
    return text(start_response, b"not interested")


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("one line\n")
    stream.writelines(["another ", "line: ", "é\n"])
    stream.flush()
    print("a line by print", file=stream)
    return text(start_response, b"written")


def replaced(_environ, start_response):
    """Another head before the first one is sent."""
    start_response("200 OK", [("X-First", "1"), ("Content-Length", "3")])
    try:
        int("no number")
    except ValueError:
        start_response("500 Oops", [("X-Second", "2"), ("Content-Length", "5")], sys.exc_info())
    return [b"error"]


def too_late(_environ, start_response):
    """Another head when the first one is sent: start_response raises the exception it is given."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the beginning"
    try:
        int("no number")
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())
        yield b"never"


def twice(_environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    start_response("200 OK", [("Content-Length", "3")])
    return [b"one"]


def written(_environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written, ")
    write(b"written again, ")
    return [b"returned"]


class Buffer(io.BytesIO):
    """A file without a descriptor, which tells when it is closed."""

    def __init__(self, data, closed):
        super().__init__(data)
        self.closed_marker = closed

    def close(self):
        self.closed_marker.write_text("closed")
        super().close()


def wrapped(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](Buffer(b"in a buffer", marker(environ, "closed")), 4)


def unchanged(_environ, start_response):
    """A 304 has the Content-Length of the body it does not have."""
    start_response("304 Not Modified", [("ETag", '"1"'), ("Content-Length", "1000")])
    return []


def kind(environ, start_response):
    keys = ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once", "wsgi.url_scheme", "wsgi.version")
    values = [environ[key] for key in keys]
    is_main = threading.current_thread() is threading.main_thread()
    return text(start_response, repr([*values, is_main]).encode())


PAGES = {
    "": empty,
    "reads": reads,
    "reads-nothing": reads_nothing,
    "errors": errors,
    "replaced": replaced,
    "too-late": too_late,
    "twice": twice,
    "written": written,
    "wrapped": wrapped,
    "unchanged": unchanged,
    "kind": kind,
}
