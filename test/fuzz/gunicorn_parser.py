"""What Gunicorn's parser makes of requests: lines of hexadecimal digits in, lines of JSON out, until the input ends."""

from __future__ import annotations

import json
import sys
from typing import Any

from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

CONFIG = Config()
CONFIG.set("http_parser", "python")
CONFIG.set("forwarder_headers", "")
# Underscores are a policy of the gateway's, not of the parser's.
CONFIG.set("header_map", "dangerous")


def verdict(data: bytes) -> dict[str, Any]:
    try:
        request = Request(CONFIG, IterUnreader(iter([data])), ("127.0.0.1", 1))
        body = request.body.read()
    except (NoMoreData, StopIteration):
        return {"kind": "unfinished"}
    except ParseException as error:
        return {"kind": "rejected", "reason": f"{type(error).__name__}: {error}"}
    return {
        "kind": "accepted",
        "method": request.method,
        "target": request.uri,
        "version": f"HTTP/{request.version[0]}.{request.version[1]}",
        "fields": [[name.lower(), value] for name, value in request.headers],
        "body": body.decode("latin-1"),
        "keepAlive": not request.should_close(),
    }


for line in sys.stdin:
    print(json.dumps(verdict(bytes.fromhex(line))), flush=True)
