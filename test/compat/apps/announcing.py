"""Says on standard output who has imported it, and waits as long as it is told to."""

import os
import signal
import time

print("imported by", os.getpid(), flush=True)
if os.path.exists(os.environ.get("BROKEN", "")):
    raise RuntimeError("broken by now")


def application(environ, start_response):
    if environ["PATH_INFO"] == "/fifo":
        # Opens when the test opens the other end, and ends when the test closes it.
        with open(os.environ["FIFO"], "rb") as fifo:
            fifo.read()
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(60)
    if environ["PATH_INFO"] == "/nap":
        time.sleep(3.5)
    if environ["PATH_INFO"] == "/leave":
        os._exit(7)
    if environ["PATH_INFO"] == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"done\n"]
