"""Who takes how long: noted before and after each request."""

import time

threads = 2
started = {}


def pre_request(worker, req):
    started[req] = time.monotonic()


def post_request(worker, req, environ, resp):
    seconds = time.monotonic() - started.pop(req)
    worker.log.info(
        "%s %s was %s (%s)", req.method, req.uri, "quick" if seconds < 20 else "slow", resp.status
    )
