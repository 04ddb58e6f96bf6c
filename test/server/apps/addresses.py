"""Answers with what the environ says of client and proxy, as JSON, sorted."""

import json

KEYS = ("REMOTE_ADDR", "REMOTE_PORT", "PROXY_PROTOCOL", "PROXY_ADDR", "PROXY_PORT")


def application(environ, start_response):
    body = json.dumps({key: environ[key] for key in KEYS if key in environ}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
