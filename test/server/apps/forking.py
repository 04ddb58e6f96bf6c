"""Requests that fork, in every way; what became of the child is the response."""

import atexit
import concurrent.futures
import ctypes
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

BIG = 250_000
LIBC = ctypes.CDLL(None)


def application(environ, start_response):
    parts = environ["PATH_INFO"].split("/")[1:]
    if parts[0] == "child":
        pid = os.fork()
        if pid == 0:
            return CHILDREN[parts[1]](start_response, environ["QUERY_STRING"])
        body = end_of(pid)
    elif parts[0] == "big":
        body = parts[1].ljust(8, ".") * BIG
    else:
        body = PARENTS[parts[0]](*parts[1:], environ["QUERY_STRING"])
    data = body.encode()
    start_response("200 OK", [("Content-Length", str(len(data)))])
    return [data]


def end_of(pid):
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"exited {code}" if code >= 0 else f"killed {-code}"


# -- in the child ----------------------------------------------------------------------------------------------


def comes_back(start_response, _query):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"child"]


def streams(start_response, _query):
    start_response("200 OK", [])
    return (b"child" for _ in range(3))


def writes(start_response, _query):
    start_response("200 OK", [])(b"child")
    return [b"child"]


def leaves(_start_response, _query):
    sys.exit(7)


def leaves_with_atexit(_start_response, mark):
    atexit.register(Path(mark).write_text, "said goodbye")
    sys.exit()


def raises(_start_response, _query):
    raise RuntimeError("in the child")


def executes(_start_response, _query):
    os.execv("/bin/sh", ["sh", "-c", "exit 5"])


def has_descriptors(_start_response, mark):
    # The directory is listed by a descriptor that is closed again.
    found = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd") if int(name) > 2]
    Path(mark).write_text(
        "\n".join(["descriptors:", *(os.readlink(path) for path in found if os.path.lexists(path))])
    )
    os._exit(0)


def has_handlers(_start_response, mark):
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGABRT)
    ours = [number.name for number in numbers if signal.getsignal(number) != signal.SIG_DFL]
    Path(mark).write_text("\n".join(["handlers:", *ours, str(signal.getsignal(signal.SIGALRM))]))
    os._exit(0)


CHILDREN = {
    "comes-back": comes_back,
    "streams": streams,
    "writes": writes,
    "leaves": leaves,
    "leaves-with-atexit": leaves_with_atexit,
    "raises": raises,
    "executes": executes,
    "has-descriptors": has_descriptors,
    "has-handlers": has_handlers,
}


# -- in the parent ---------------------------------------------------------------------------------------------


def is_terminated(_query):
    """At once, when the child has perhaps not run a line yet."""
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    return end_of(pid)


def leaves_a_child(how, mark):
    """It outlives the request, and the worker."""
    pid = LIBC.fork() if how == "in-c" else os.fork()
    if pid == 0:
        LIBC.sleep(60)
        os._exit(0)
    Path(mark).write_text(str(pid))
    time.sleep(60)
    return ""


def starts_a_daemon(mark):
    """By forking twice."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            Path(mark).write_text("runs")
        os._exit(0)
    return end_of(pid)


def has_a_terminal(_query):
    pid, terminal = pty.fork()
    if pid == 0:
        sys.exit(3)
    end = end_of(pid)
    os.close(terminal)
    return end


def runs_a_program(_query):
    inherits = subprocess.run(["ls", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, check=True)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "kill -TERM $$"], os.environ)
    return f"{end_of(pid)}, descriptors {inherits.stdout.decode().split()}"


def work(number):
    return number * number


def answer(queue, number):
    queue.put(number * number)


def wait_forever():
    time.sleep(60)


def in_process(method, _query):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=answer, args=(queue, 3))
    process.start()
    found = queue.get(timeout=20)
    process.join()
    with context.Pool(2) as pool:
        squares = pool.map(work, [1, 2])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        squares.append(executor.submit(work, 4).result())
    with context.Manager() as manager:
        shared = manager.dict(a=1)
        squares.append(shared["a"])
    stopped = context.Process(target=wait_forever)
    stopped.start()
    stopped.terminate()
    stopped.join()
    return f"{found} {squares} {process.exitcode} {stopped.exitcode}"


def has_a_daemon_process(mark):
    process = multiprocessing.get_context("fork").Process(target=wait_forever, daemon=True)
    process.start()
    Path(mark).write_text(str(process.pid))
    return "started"


PARENTS = {
    "is-terminated": is_terminated,
    "leaves-a-child": leaves_a_child,
    "starts-a-daemon": starts_a_daemon,
    "has-a-terminal": has_a_terminal,
    "runs-a-program": runs_a_program,
    "multiprocessing": in_process,
    "has-a-daemon-process": has_a_daemon_process,
    "pid": lambda _query: str(os.getpid()),
    "": lambda _query: "",
}


def on_alarm(_signal, _frame):
    """The application's own."""


if multiprocessing.parent_process() is None:
    signal.signal(signal.SIGALRM, on_alarm)
