"""What every thread was at is told when a worker is ended."""

import sys
import traceback

timeout = 120


def dump(worker, reason):
    frames = sys._current_frames()  # noqa: SLF001 - there is no other way
    worker.log.info("%s: %s thread(s)", reason, len(frames))
    traceback.format_stack(next(iter(frames.values())))


def worker_int(worker):
    dump(worker, "Interrupted")


def worker_abort(worker):
    dump(worker, "Aborted")
