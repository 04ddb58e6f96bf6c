"""Requests that do not end, in the ways in which they do not: in Python code, in a system call, in C code."""

import ctypes
import os
import time
from pathlib import Path

from tunicorn import RequestTimeout

# As an extension module would call: with the GIL held, and without it.
HOLDING_THE_GIL = ctypes.PyDLL(None)
RELEASING_THE_GIL = ctypes.CDLL(None)


def application(environ, start_response):
    kind = environ["PATH_INFO"].split("/")[1]
    if environ["QUERY_STRING"]:
        (Path(environ["QUERY_STRING"]) / f"began-{kind}").write_text(str(os.getpid()))
    if kind in WAYS:
        WAYS[kind](environ)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"ended"]


def spin(_environ):
    while True:
        spin_a_little()


def spin_a_little():
    pass


def wait(_environ):
    while True:
        time.sleep(0.01)


def system_call(_environ):
    os.read(os.pipe()[0], 1)


def clean_up(environ):
    try:
        spin(environ)
    except RequestTimeout:
        (Path(environ["QUERY_STRING"]) / "cleaned-up").write_text("yes")
        raise


def swallow(environ):
    while True:
        swallow_once(environ)


def swallow_once(environ):
    try:
        spin(environ)
    except RequestTimeout:
        pass


def hold_the_gil(_environ):
    HOLDING_THE_GIL.pthread_join(ctypes.c_ulong(thread_of_c()), None)


def in_c(_environ):
    RELEASING_THE_GIL.pthread_join(ctypes.c_ulong(thread_of_c()), None)


def thread_of_c():
    """A thread that waits for ever, and for which one can wait without being interrupted."""
    thread = ctypes.c_ulong()
    routine = ctypes.cast(RELEASING_THE_GIL.pause, ctypes.c_void_p)
    RELEASING_THE_GIL.pthread_create(ctypes.byref(thread), None, routine, None)
    return thread.value


WAYS = {
    "spin": spin,
    "wait": wait,
    "system-call": system_call,
    "clean-up": clean_up,
    "swallow": swallow,
    "hold-the-gil": hold_the_gil,
    "in-c": in_c,
}
