"""A worker that does not keep to the protocol of the queue, as a bug in C code or an intruder would make it."""

# ruff: noqa: SLF001

import contextlib
import os
import struct
import sys
import time

# Payload length, kind, flags, status, ticket, key, head length, content length, claimed.
FRAME = struct.Struct("<IBBHIII4xdd")
HELLO, WHOLE, HEAD, BODY, END, FAIL, HINTS, FILE = range(1, 9)
OK = b"200 OK\r\n"


def frame(
    kind, ticket, key, head=b"", body=b"", *, status=200, length=-1.0, claimed=0.0, size=None, head_size=None
):
    size = len(head) + len(body) if size is None else size
    head_size = len(head) if head_size is None else head_size
    return FRAME.pack(size, kind, 0, status, ticket, key, head_size, length, claimed) + head + body


def garbage(kind, ticket, key):
    def one(*args, **options):
        return frame(args[0], ticket, key, *args[1:], **options)

    info = struct.pack("<QQQQI4x", 1, 1, 0, 10, len(OK))
    return {
        "text": b"print debugging into the wrong descriptor\n" * 4,
        "half-a-header": one(END)[:20],
        "half-a-head": one(WHOLE, OK * 4)[:-9],
        "half-a-body": one(WHOLE, OK, b"body", size=len(OK) + 4_000_000),
        "kind": one(99),
        "end": one(END),
        "hello": one(HELLO, status=2),
        "huge-head": one(WHOLE, b"a" * 3_000_000, size=0xFFFFFFFF, head_size=0xFFFFFFFF),
        "file": one(FILE, b"abcd"),
        "file-path": one(FILE, info + OK + b"/a\0b"),
        "status": one(WHOLE, OK, status=65535),
        "not-final": one(WHOLE, b"100 Continue\r\n", status=100),
        "nan": one(WHOLE, OK, length=float("nan")),
        "claimed": one(WHOLE, OK, claimed=float("inf")),
        "no-head": one(WHOLE),
        "body": one(BODY, b"", b"hello"),
        "split": one(WHOLE, OK + b"X: 1\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n"),
        "hints": one(HINTS, b"Link: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "no-end": one(HEAD, OK, b"first"),
        "twice": one(WHOLE, OK, b"one") + one(WHOLE, OK, b"two"),
    }[kind]


def application(environ, start_response):
    request = start_response.__self__
    stream, ticket = request._stream, request._ticket
    path = environ["PATH_INFO"]
    kind = path.rpartition("/")[2]
    if path.startswith("/garbage/"):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            stream._socket.sendall(garbage(kind, ticket, stream.key))
        if kind.startswith(("half", "no-end")):
            request._answered = True  # so that nothing comes behind it
    if path == "/forge":
        for other in range(ticket - 3, ticket):
            stream._socket.sendall(frame(WHOLE, other, stream.key, OK, b"forged"))
    if path == "/lose":
        request._answered = True
    if path == "/close":
        os.close(stream._socket.fileno())
    if path == "/hold":
        print("holding", file=sys.stderr, flush=True)
        time.sleep(2)
    if path == "/cut":
        start_response("200 OK", [])
        return cut(stream)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def cut(stream):
    yield b"first"
    os.close(stream._socket.fileno())
    yield b"second"
