"""What surrounds an application: its environment, its directory, its import path, and how often it is imported."""

import json
import os
import sys
from pathlib import Path

AT_IMPORT = os.environ.get("GREETING")

if "IMPORTS" in os.environ:
    with Path(os.environ["IMPORTS"]).open("a") as imports:
        imports.write(f"{os.getpid()}\n")


def application(_environ, start_response):
    seen = {
        "pid": os.getpid(),
        "atImport": AT_IMPORT,
        "inRequest": os.environ.get("GREETING"),
        "directory": os.getcwd(),
        "path": sys.path[:3],
    }
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
