"""Puts something else in the place of its own stacks: /link?TARGET or /fifo. Then it does not end.

Imports only what a worker has imported already, as who.py does.
"""

import os
import re
import time


def application(environ, start_response):
    kind = environ["PATH_INFO"][1:]
    if kind in ("link", "fifo"):
        replace_stacks(kind, environ["QUERY_STRING"])
        while True:
            time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def replace_stacks(kind, target):
    with open("/proc/self/maps") as maps:
        directory = os.path.dirname(re.search(r"/\S*/scoreboard", maps.read())[0])
    for name in os.listdir(directory):
        if name.startswith("stacks-"):
            path = os.path.join(directory, name)
            os.unlink(path)
            os.symlink(target, path) if kind == "link" else os.mkfifo(path)
