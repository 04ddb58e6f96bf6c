"""The smallest application: WSGI (PEP 3333) without a framework."""

import json


def application(environ, start_response):
    if environ["PATH_INFO"] == "/environ":
        return environ_as_json(environ, start_response)
    body = b"Hello, World!\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def environ_as_json(environ, start_response):
    """Every key of the environ; what is not a string as its repr."""
    items = sorted(environ.items())
    text = json.dumps(
        {key: value if isinstance(value, str) else repr(value) for key, value in items}, indent=2
    )
    body = text.encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
