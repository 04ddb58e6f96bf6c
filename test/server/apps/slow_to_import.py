"""Its import says that it has begun, and ends when the file `go` is there."""

import os
import time
from pathlib import Path

DIRECTORY = Path(os.environ["MARKERS"])

(DIRECTORY / f"importing-{os.getpid()}").write_text(str(os.getpid()))
while not (DIRECTORY / "go").exists():
    time.sleep(0.002)


def application(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "8")])
    return [b"imported"]
