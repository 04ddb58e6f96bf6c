"""When the kernel lets a gateway run, on processors that workers keep busy (docs/decisions/0015-batch-scheduling.md).

Runs in: zygote.
"""

from __future__ import annotations

import os


def run_as_batch(pid: int) -> None:
    """SCHED_BATCH: what wakes the process does not interrupt who runs; on an idle processor it runs at once.

    Who was started with another policy keeps it. Where the system does not allow it, all stays as it is."""
    try:
        if os.sched_getscheduler(pid) == os.SCHED_OTHER:
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        pass  # gone, or forbidden to containers
