"""Leaving when the parent dies, even when it was killed with SIGKILL and even when this process is stuck in C code.

The kernel does it: a descriptor whose other end only the parent holds is set to send this process SIGKILL when that
end is closed (O_ASYNC with F_SETSIG, fcntl(2)). Where F_SETSIG is missing (macOS), SIGIO is sent, whose default also
ends the process. The setting belongs to the open file, not to the process, so no two processes may share one.

Runs in: zygote, worker.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal


def die_with_parent(descriptor: int) -> None:
    """From now on the end of `descriptor` is the end of this process."""
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    set_signal = getattr(fcntl, "F_SETSIG", None)
    if set_signal is not None:
        fcntl.fcntl(descriptor, set_signal, signal.SIGKILL)
    else:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:
        os._exit(1)  # it died before it was watched
