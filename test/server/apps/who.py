"""Who the worker is: user, groups, and the name it goes by.

Imports only what a worker has imported already: an interpreter in root's home is closed to other users.
"""

import json
import os


def application(environ, start_response):
    with open("/proc/self/cmdline") as words:
        title = words.read().strip("\0")
    seen = {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "title": title,
        "session": os.getsid(0),
        "received": len(environ["wsgi.input"].read()),
    }
    body = json.dumps(seen).encode().ljust(int(environ["QUERY_STRING"] or 0))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
