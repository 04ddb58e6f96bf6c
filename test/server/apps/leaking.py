"""A worker that can open no descriptor, the first time; LEAKED names the file that remembers it. Also its settings."""

import os
import resource
import time


def post_worker_init(_worker):
    mark = os.environ["LEAKED"]
    if not os.path.exists(mark):
        with open(mark, "w"):
            pass
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.3)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
