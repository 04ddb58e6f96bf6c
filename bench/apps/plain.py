"""What is measured without a framework: the path says what is answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PIECE = b"x" * 1024
BYTES = {size: b"x" * size for size in (10_000, 1024 * 1024, 10 * 1024 * 1024)}
# Ten articles: what is measured is the server, and not how fast Python can write numbers.
ARTICLES = [
    {"id": number, "title": f"Article {number}", "text": "All work and no play. " * 43}
    for number in range(10)
]

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    _, what, *arguments = environ["PATH_INFO"].split("/")
    if what == "stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream(int(arguments[0]))
    kind, body = answer(environ, what, arguments)
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def answer(environ: dict[str, Any], what: str, arguments: list[str]) -> tuple[str, bytes]:
    if what == "json":
        return "application/json", json.dumps({"message": "Hello, World!"}).encode()
    if what == "articles":
        return "application/json", json.dumps(ARTICLES).encode()
    if what == "bytes":
        return "application/octet-stream", BYTES[int(arguments[0])]
    if what == "echo":
        return "application/octet-stream", environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    if what == "upload":
        return "text/plain", str(received(environ)).encode()
    if what == "sleep":
        time.sleep(float(arguments[0]))
    return "text/plain", b"Hello, World!"


def received(environ: dict[str, Any]) -> int:
    """Read as applications read what is large: in parts."""
    rest = size = int(environ["CONTENT_LENGTH"])
    while rest > 0:
        part = environ["wsgi.input"].read(min(rest, 65536))
        if not part:
            break
        rest -= len(part)
    return size - rest


def stream(pieces: int) -> Iterator[bytes]:
    for _ in range(pieces):
        yield PIECE
