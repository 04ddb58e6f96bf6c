"""Responses that take their time, and iterables that tell what became of them."""

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


PAGES = {"": echo, "echo": echo, "steps": steps, "blocks": blocks, "closing": closing}
