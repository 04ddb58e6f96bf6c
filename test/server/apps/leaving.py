"""Makes it hard for its worker to leave, or wants to hear of it: HOW says how, MARK names the file to note it in."""

import atexit
import os
import signal
import sys
import threading
import time

HOW = os.environ["HOW"]


def note(text):
    with open(os.environ["MARK"], "a") as mark:
        mark.write(f"{text} {os.getpid()}\n")


def sleep_for_good():
    while True:
        time.sleep(0.05)


def on_term_exit(_signal, _frame):
    note("called")
    time.sleep(0.5)
    note("done")
    sys.exit(0)


def on_alarm_exit(_signal, _frame):
    sys.exit(0)


atexit.register(note, "atexit")
if HOW == "thread":
    threading.Thread(target=sleep_for_good).start()
elif HOW == "slow atexit":
    atexit.register(sleep_for_good)
elif HOW == "term ignored":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif HOW == "term noted":
    signal.signal(signal.SIGTERM, lambda _signal, _frame: note("called"))
elif HOW == "term exits":
    signal.signal(signal.SIGTERM, on_term_exit)
elif HOW.startswith("alarm exits"):
    signal.signal(signal.SIGALRM, on_alarm_exit)
    if HOW.endswith("slowly"):
        atexit.register(sleep_for_good)


def close_the_queue():
    for name in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{name}"
        if os.path.lexists(path) and os.readlink(path).endswith("/tickets"):
            os.close(int(name))


def application(environ, start_response):
    if environ["PATH_INFO"] == "/close-the-queue":
        close_the_queue()
    if environ["PATH_INFO"] == "/hang":
        note("hangs")
        sleep_for_good()
    body = f"{os.getpid()} {os.getppid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
