"""What a request costs the worker: JSON, nanoseconds of each step for a browser's request and a small reply.

Each step is the code that serves, called alone, with its system calls.
"""

from __future__ import annotations

import io
import json
import marshal
import mmap
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "python"))

from tunicorn.arena import Arenas
from tunicorn.layout import (
    BODY_NONE,
    RECORD_HEADER,
    RECORD_READY,
    SCOREBOARD_HEADER_BYTES,
    SLOT_BYTES,
    TICKET,
    TICKETS_FILE,
    arena_file,
    replies_file,
)
from tunicorn.reply import ReplyStreams
from tunicorn.response_head import ResponseHead
from tunicorn.scoreboard import Slot
from tunicorn.tickets import Claimer, TicketQueue
from tunicorn.wsgi import WSGIRequest

GATEWAY, TICKET_ID, AGE = 1, 77, 3
ROUNDS = 15
PER_ROUND = 200
BODY = b"Hello, World!"
HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(BODY)))]
ENVIRON = {
    "REMOTE_ADDR": "203.0.113.7",
    "REMOTE_PORT": "55555",
    "SERVER_NAME": "192.0.2.1",
    "SERVER_PORT": "8000",
    "REQUEST_METHOD": "GET",
    "QUERY_STRING": "ref=newsletter&page=3",
    "RAW_URI": "/shop/articles/42?ref=newsletter&page=3",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/shop/articles/42",
    "HTTP_HOST": "www.example.org",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_SEC_CH_UA": '"Chromium";v="140", "Not=A?Brand";v="24"',
    "HTTP_SEC_CH_UA_MOBILE": "?0",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_REFERER": "https://www.example.org/shop/",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9,de;q=0.8",
    "HTTP_COOKIE": "sessionid=0a1b2c3d4e5f60718293a4b5c6d7e8f9; csrftoken=abcdefghijklmnopqrstuvwxyz012345",
}
# As many as environ.py adds.
BASE = {f"wsgi.{number}": number for number in range(8)}


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", HEADERS)
    return [BODY]


def measure(step: Callable[[], Any], after: Callable[[], Any] = lambda: None) -> float:
    """Nanoseconds. `after` each round: what is not the worker's to do."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        for _ in range(PER_ROUND):
            step()
        rounds.append((time.perf_counter_ns() - started) / PER_ROUND)
        after()
    return statistics.median(rounds)


def claim_cost(directory: str) -> float:
    os.mkfifo(os.path.join(directory, TICKETS_FILE))
    queue = TicketQueue(directory)
    gateway = os.open(os.path.join(directory, TICKETS_FILE), os.O_WRONLY)
    fill = TICKET.pack(GATEWAY, TICKET_ID, 0, 1) * PER_ROUND

    def written() -> None:
        os.write(gateway, fill)

    written()
    return measure(Claimer(queue).claim, written)


def new_slot() -> Slot:
    return Slot(mmap.mmap(-1, SCOREBOARD_HEADER_BYTES + SLOT_BYTES), 0)


def note_cost() -> float:
    slot = new_slot()

    def note() -> None:
        slot.claimed(GATEWAY, TICKET_ID)
        slot.working()
        slot.idle()

    return measure(note)


def record_cost(directory: str) -> float:
    environ = marshal.dumps(ENVIRON)
    header = RECORD_HEADER.pack(TICKET_ID, RECORD_READY, BODY_NONE, len(environ), 0, 0.0, 0.0)
    Path(directory, arena_file(GATEWAY)).write_bytes(header + environ)
    arenas = Arenas(directory)

    def read() -> None:
        request = arenas.read(GATEWAY, TICKET_ID, 0)
        assert request is not None
        request[0].update(BASE)
        request[0]["wsgi.input"] = request[1]

    return measure(read)


def reply_costs(directory: str) -> dict[str, float]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(directory, replies_file(GATEWAY)))
        listener.listen()
        streams = ReplyStreams(directory, AGE, new_slot())
        streams.to(GATEWAY)
        gateway, _ = listener.accept()
    gateway.setblocking(False)

    def read() -> None:
        try:
            while gateway.recv(1 << 20):
                pass
        except BlockingIOError:
            pass

    def call() -> None:
        WSGIRequest(streams.to(GATEWAY), TICKET_ID).run(application, {"wsgi.input": io.BytesIO(b"")})

    head = ResponseHead("200 OK", HEADERS)
    stream = streams.to(GATEWAY)
    read()
    return {
        "response head: validated": measure(lambda: ResponseHead("200 OK", HEADERS)),
        "reply: framed and sent": measure(lambda: stream.whole(TICKET_ID, head, BODY), read),
        "call: application, head and reply": measure(call, read),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        costs = {
            "claim: a ticket read": claim_cost(directory),
            "scoreboard: claimed, working and idle": note_cost(),
            "record: copied, environ and input made": record_cost(directory),
            **reply_costs(directory),
        }
    print(json.dumps(costs))


main()
