"""What the chaos suite asks for: `/KIND/ID`. Each call is noted in a journal, so that it can be counted, and each
answer has the ID, so that it can be matched."""

import hashlib
import os
import signal
import sys
import time

STREAM_PARTS = 4
PART_SECONDS = 0.005
LARGE_BYTES = 3_000_000
LEAK_BYTES = 200_000
HOLD_SECONDS = 20
CHATTER_BYTES = 80_000

leaked = []


def make_application(version, journal_path):
    journal = os.open(journal_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def application(environ, start_response):
        _, kind, name = environ["PATH_INFO"].split("/")
        # One write: many processes append to the file, and one that is killed has written the line or not.
        os.write(journal, f"{name} {os.getpid()} {kind}\n".encode())
        return KINDS[kind](environ, start_response, name, [("X-Request", name), ("X-Version", version)])

    return application


def whole(start_response, body, headers):
    start_response("200 OK", [*headers, ("X-Arbiter", str(arbiter())), ("Content-Length", str(len(body)))])
    return [body]


def arbiter():
    """The parent of the zygote."""
    with open(f"/proc/{os.getppid()}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def quick(_environ, start_response, name, headers):
    return whole(start_response, name.encode(), headers)


def work(_environ, start_response, name, headers):
    time.sleep(0.005 + int(name) % 30 / 1000)
    return whole(start_response, name.encode(), headers)


def leak(_environ, start_response, name, headers):
    leaked.append(b"x" * LEAK_BYTES)
    return whole(start_response, name.encode(), headers)


def upload(environ, start_response, name, headers):
    body = environ["wsgi.input"].read()
    return whole(start_response, f"{name} {len(body)} {hashlib.sha1(body).hexdigest()}".encode(), headers)


def stream(_environ, start_response, name, headers):
    start_response("200 OK", headers)
    for _ in range(STREAM_PARTS):
        yield name.encode() + b"\n"
        time.sleep(PART_SECONDS)


def large(_environ, start_response, name, headers):
    line = name.encode() + b"\n"
    return whole(start_response, line * (LARGE_BYTES // len(line)), headers)


def die(_environ, _start_response, _name, _headers):
    os._exit(9)


def fork(environ, start_response, name, headers):
    """A child that leaves as people have theirs leave: as it should, by sys.exit, by an exception, by returning."""
    if os.fork() == 0:
        leave = int(name) % 4
        if leave == 0:
            os._exit(0)
        if leave == 1:
            sys.exit(0)
        if leave == 2:
            raise RuntimeError("of a forked child")
    return whole(start_response, name.encode(), headers)


def hold(_environ, start_response, name, headers):
    """A child that keeps everything its parent has open, and a parent that dies of it."""
    of_arbiter = f"/proc/{arbiter()}"
    if os.fork() == 0:
        ends = time.monotonic() + HOLD_SECONDS
        while time.monotonic() < ends and os.path.exists(of_arbiter):
            time.sleep(0.05)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
    return whole(start_response, name.encode(), headers)


def garbage(_environ, start_response, name, headers):
    """Bytes in the reply stream that are no frame, or not one that may come now."""
    noise = [b"printed into the wrong descriptor\n" * 4, bytes(64), b"\xff" * 64, os.urandom(64)]
    stream = start_response.__self__._stream  # noqa: SLF001 - what no application should know
    stream._socket.sendall(noise[int(name) % len(noise)])  # noqa: SLF001
    return whole(start_response, name.encode(), headers)


def chatter(_environ, start_response, name, headers):
    """More than a pipe holds."""
    sys.stderr.write("chatter " * (CHATTER_BYTES // 8) + "\n")
    sys.stderr.flush()
    return whole(start_response, name.encode(), headers)


def stuck(_environ, _start_response, _name, _headers):
    while True:
        time.sleep(0.01)


KINDS = {
    "quick": quick,
    "work": work,
    "leak": leak,
    "upload": upload,
    "stream": stream,
    "large": large,
    "die": die,
    "fork": fork,
    "hold": hold,
    "garbage": garbage,
    "chatter": chatter,
    "stuck": stuck,
}
