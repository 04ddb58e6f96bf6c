"""Puts an application behind a recorder: the answer says what environ it was called with, and what it made of it."""

import importlib
import json
import re

# Where an object lies differs from process to process.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def recorded(uri):
    """The application MODULE:NAME, recorded."""
    module, _, name = uri.partition(":")
    return Recorder(getattr(importlib.import_module(module), name))


class Recorder:
    """Answers every request with JSON."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        record = {"environ": {key: describe(value) for key, value in environ.items()}}
        status = []
        result = self.application(environ, lambda line, _headers, _exc_info=None: status.append(line))
        body = b"".join(result)
        if hasattr(result, "close"):
            result.close()
        record["status"] = status[0]
        record["body"] = body.decode("latin-1")
        record["rest"] = environ["wsgi.input"].read().decode("latin-1")
        answer = json.dumps(record).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]


def describe(value):
    """Type and value."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}: {_ADDRESS.sub('', repr(value))}"
