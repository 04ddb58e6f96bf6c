"""With --reload: which files the code of the application is in.

What is installed (the standard library, packages) is left out: nobody edits it, and there is much of it.

Runs in: worker.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from .control import send

# Modules that are imported late are found out about so soon, s.
_LOOK_SECONDS = 1.0

# So that a message stays below PIPE_BUF, bytes.
_MOST_BYTES = 3000
_TIME_BYTES = 24

_INSTALLED = tuple(
    {os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {os.path.join(os.path.dirname(__file__), "")}
)


@dataclass(frozen=True)
class ImportFailure:
    """Why there is no application, and when that was known: seconds since the epoch, as the times of files are."""

    error: BaseException
    time: float


def report_imported_files(descriptor: int, failure: ImportFailure | None) -> None:
    """Reports what is imported now, and from a thread of its own what will be."""
    known: set[str] = set()

    def report() -> None:
        found = imported_files() - known
        known.update(found)
        _send(descriptor, sorted(found))

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_SECONDS):
            report()

    if failure is not None:
        _send(descriptor, sorted(files_of(failure.error)))
        send(descriptor, {"type": "import-failed", "pid": os.getpid(), "time": failure.time})
    report()
    threading.Thread(target=watch, daemon=True).start()


def imported_files() -> set[str]:
    """Of all modules, but for what is installed."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return _own(file for file in files if isinstance(file, str))


def files_of(failure: BaseException) -> set[str]:
    """Those that an import which failed went through: they are in `sys.modules` no more."""
    files: set[str] = set()
    error: BaseException | None = failure
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename is not None:
            files.add(error.filename)
        traceback: TracebackType | None = error.__traceback__
        while traceback is not None:
            files.add(traceback.tb_frame.f_code.co_filename)
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return _own(files)


def _own(files: Iterable[str]) -> set[str]:
    paths = {os.path.abspath(file) for file in files if not file.startswith("<")}
    return {
        path
        for path in paths
        if not path.startswith(_INSTALLED) and "/site-packages/" not in path and "/dist-packages/" not in path
    }


def _send(descriptor: int, files: list[str]) -> None:
    while files:
        some: list[tuple[str, float]] = []
        size = 0
        while files and (not some or size + len(files[0]) <= _MOST_BYTES):
            size += len(files[0]) + _TIME_BYTES
            some.append((files[0], _modified(files.pop(0))))
        send(descriptor, {"type": "imported", "pid": os.getpid(), "files": some})


def _modified(path: str) -> float:
    """Seconds since the epoch; 0 when it is gone."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0
