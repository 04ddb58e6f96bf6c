"""Files by wsgi.file_wrapper. The query names the file; the path says how."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[..., Any]


def note_close(file: Any, path: str, *, raises: bool) -> None:
    """As Django does it: the file's `close` is replaced by one that does more."""
    close = file.close

    def noted() -> None:
        close()
        with open(path + ".closed", "a") as log:
            log.write("closed\n")
        if "hangs" in path:
            while True:
                time.sleep(0.01)
        if raises:
            raise RuntimeError("raised by close()")

    file.close = noted


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    kind, path = environ["PATH_INFO"], environ["QUERY_STRING"]
    if kind == "/":
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    file = open(path, "rb")  # noqa: SIM115 - the wrapper closes it
    headers = [("X-Pid", str(os.getpid()))]
    if kind == "/from-10":
        file.seek(10)
    elif kind == "/first-100000":
        headers.append(("Content-Length", "100000"))
    elif kind == "/promises-more":
        headers.append(("Content-Length", str(os.path.getsize(path) + 10)))
    elif kind == "/deleted":
        os.unlink(path)
    elif kind == "/replaced":
        os.rename(path, path + ".old")
        with open(path, "wb") as other:
            other.write(b"another file" * 10000)
    elif kind in ("/noted", "/close-raises"):
        note_close(file, path, raises=kind == "/close-raises")
    elif kind == "/not-modified":
        note_close(file, path, raises=False)
        start_response("304 Not Modified", headers)
        return environ["wsgi.file_wrapper"](file)
    start_response("200 OK", headers)
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
    return wrapped
