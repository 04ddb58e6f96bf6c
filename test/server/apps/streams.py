"""Responses that take their time, and iterables that tell what became of them."""

import time

from basics import marker, text, wait_for

BLOCK = b"x" * 65536


def application(environ, start_response):
    return PAGES[environ["PATH_INFO"].split("/")[1]](environ, start_response)


def echo(environ, start_response):
    return text(start_response, environ["PATH_INFO"].encode("latin-1"))


def steps(environ, start_response):
    """The second item when the test has taken the first; says when it is closed."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        yield b"first"
        wait_for(marker(environ, "go-on"))
        yield b"second"
    finally:
        marker(environ, "closed").write_text("closed")


def blocks(environ, start_response):
    """As many bytes as the path says; says when all of them are handed over."""
    size = int(environ["PATH_INFO"].split("/")[2])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]
    marker(environ, "handed-over").write_text("yes")


def drips(environ, start_response):
    """`/drips/COUNT/PAUSE`: tells how many items were taken when it is closed."""
    _, _, count, pause = environ["PATH_INFO"].split("/")
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    taken = 0
    try:
        for _ in range(int(count)):
            yield b"drip"
            taken += 1
            time.sleep(float(pause))
    finally:
        if environ["QUERY_STRING"]:
            marker(environ, "closed").write_text(f"closed after {taken}")


class Drips:
    """Without an end, and with a close() of its own."""

    def __init__(self, environ, size):
        self.environ = environ
        self.item = b"x" * size

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(0.02)
        return self.item

    def close(self):
        marker(self.environ, "closed").write_text("closed")
        if "close-raises" in self.environ["PATH_INFO"]:
            raise RuntimeError("raised by close()")


def endless(environ, start_response):
    """`/endless/SIZE` in items of so many bytes."""
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return Drips(environ, int(environ["PATH_INFO"].split("/")[2]))


def writes(environ, start_response):
    """The same by `write()`."""
    write = start_response("200 OK", [("Content-Type", "text/event-stream")])
    try:
        while True:
            write(b"drip")
            time.sleep(0.02)
    finally:
        marker(environ, "closed").write_text("closed")


def late(environ, start_response):
    """The first item when the test says so."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    marker(environ, "began").write_text("yes")
    wait_for(marker(environ, "go-on"))
    try:
        while True:
            yield b"drip"
            time.sleep(0.02)
    finally:
        marker(environ, "closed").write_text("closed")


class Closing:
    """Does what the path says, and tells when it is closed."""

    def __init__(self, how, closed):
        self.how = how
        self.closed = closed

    def __iter__(self):
        if self.how == "raises-at-once":
            raise RuntimeError("raised before the first item")
        yield b"" if self.how == "empty-items" else b"the beginning"
        if self.how == "raises":
            raise RuntimeError("raised after the first item")
        yield "no bytes" if self.how == "text" else b""

    def close(self):
        self.closed.write_text("closed")


def closing(environ, start_response):
    how = environ["PATH_INFO"].split("/")[2]
    if how != "no-head":
        start_response("200 OK", [("Content-Type", "text/plain")])
    return Closing(how, marker(environ, "closed"))


PAGES = {
    "": echo,
    "echo": echo,
    "steps": steps,
    "blocks": blocks,
    "closing": closing,
    "drips": drips,
    "endless": endless,
    "writes": writes,
    "late": late,
}
