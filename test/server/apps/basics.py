"""What the tests of the server ask a plain WSGI application for, by path."""

import os
import sys
import time
from pathlib import Path


def application(environ, start_response):
    return PAGES[environ["PATH_INFO"].split("/")[1]](environ, start_response)


def text(start_response, body, status="200 OK", headers=()):
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *headers])
    return [body]


def echo_path(environ, start_response):
    return text(start_response, environ["PATH_INFO"].encode("latin-1"))


def called(environ, start_response):
    name = f"{environ.get('HTTP_HOST')} {environ['SERVER_NAME']} {environ['SERVER_PORT']} {environ['wsgi.url_scheme']}"
    return text(start_response, name.encode())


def pid(_environ, start_response):
    return text(start_response, str(os.getpid()).encode())


def body(environ, start_response):
    return text(start_response, environ["wsgi.input"].read())


def raises(_environ, _start_response):
    raise RuntimeError("raised before the head")


def raises_late(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"the beginning"
    raise RuntimeError("raised in the body")


def exits(_environ, _start_response):
    sys.exit(3)


def dies(_environ, _start_response):
    os._exit(9)


def short(_environ, start_response):
    start_response("200 OK", [("Content-Length", "10")])
    return [b"short"]


def long(_environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"long", b"er"]


def file(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/x-python")])
    return environ["wsgi.file_wrapper"](Path(__file__).open("rb"))


def empty(_environ, start_response):
    start_response("204 No Content", [])
    return []


def marker(environ, name):
    """A file by which test and application tell each other how far they are."""
    return Path(environ["QUERY_STRING"]) / name


def wait_for(path):
    while not path.exists():
        time.sleep(0.002)


def steps(environ, start_response):
    """Each item only when the test has taken the one before."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"one"
    wait_for(marker(environ, "took-one"))
    yield b"two"
    wait_for(marker(environ, "took-two"))
    yield b"three"


def hold(environ, start_response):
    """Says that it has begun, and ends when it is told to."""
    name = environ["PATH_INFO"].split("/")[2]
    marker(environ, f"began-{name}").write_text(str(os.getpid()))
    wait_for(marker(environ, "go"))
    return text(start_response, f"held {name}".encode())


def block(environ, start_response):
    """Costs nothing while it waits: until somebody opens the FIFO for writing."""
    Path(environ["QUERY_STRING"]).open("rb").close()
    return text(start_response, b"unblocked")


def spin(environ, _start_response):
    marker(environ, "spinning").write_text(str(os.getpid()))
    while True:
        pass


PAGES = {
    "": echo_path,
    "echo": echo_path,
    "called": called,
    "pid": pid,
    "body": body,
    "raises": raises,
    "raises-late": raises_late,
    "exits": exits,
    "dies": dies,
    "short": short,
    "long": long,
    "file": file,
    "empty": empty,
    "steps": steps,
    "hold": hold,
    "block": block,
    "spin": spin,
}
