"""Something small, something large, and something that takes an upload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

LARGE = b"x" * (10 * 1024 * 1024)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "POST":
        body = str(len(environ["wsgi.input"].read())).encode()
    else:
        body = LARGE if environ["PATH_INFO"] == "/large" else b"Hello, world!\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
