"""bjoern has no program of its own: MODULE:CALLABLE PORT WORKERS, forked after the socket is made, as in its manual."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import bjoern


def main() -> None:
    where, port, workers = sys.argv[1:]
    module, _, name = where.partition(":")
    sys.path.insert(0, os.getcwd())
    application = getattr(importlib.import_module(module), name or "application")
    bjoern.listen(application, "127.0.0.1", int(port))
    pids = []
    for _ in range(int(workers)):
        pid = os.fork()
        if pid == 0:
            bjoern.run()
            os._exit(0)
        pids.append(pid)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(pid, signal.SIGKILL) for pid in pids])
    for pid in pids:
        os.waitpid(pid, 0)


main()
