"""A terminal whose reader sleeps: prints its path, and for each line on stdin, what has arrived so far, as JSON."""

import json
import os
import pty
import sys

master, slave = pty.openpty()
os.set_blocking(master, False)
print(os.ttyname(slave), flush=True)
for _ in sys.stdin:
    arrived = b""
    try:
        while data := os.read(master, 65536):
            arrived += data
    except BlockingIOError:
        pass
    print(json.dumps(arrived.decode().replace("\r\n", "\n")), flush=True)
