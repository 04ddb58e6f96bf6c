"""Cannot be imported while the file that BROKEN names is there."""

import os

if os.path.exists(os.environ["BROKEN"]):
    raise RuntimeError("broken")


def application(_environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
