"""The user and group that a zygote and its workers run as, and the name they go by in ps and top.

Runs in: zygote, worker.
"""

from __future__ import annotations

import os
import pwd

from .settings import Settings

_PR_SET_NAME = 15


def become(settings: Settings) -> None:
    """From root to the user and group of the settings, for good. 0 is left alone, as in Gunicorn."""
    uid, gid = settings.uid, settings.gid
    if (uid, gid) == (os.geteuid(), os.getegid()) and not settings.initgroups:
        return
    if settings.initgroups:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    else:
        os.setgroups([gid])
    if gid != 0:
        os.setgid(gid)
    if uid != 0:
        os.setuid(uid)


def set_title(title: str) -> None:
    """With setproctitle where the application's environment has it, else over the words of the command line.

    Where neither can be done the process keeps its name: it is of no consequence.
    """
    try:
        from setproctitle import setproctitle  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        _overwrite_command_line(title.encode())
    else:
        setproctitle(title)


def _overwrite_command_line(title: bytes) -> None:
    """Linux: the words lie between two addresses (proc(5): arg_start, arg_end), and ps shows what lies there."""
    try:
        import ctypes

        with open("/proc/self/stat", "rb") as stat:
            # The name of the program, in brackets, may have blanks; after it the third field comes.
            fields = stat.read().rpartition(b")")[2].split()
    except (ImportError, OSError):
        return
    start, end = int(fields[48 - 3]), int(fields[49 - 3])
    if start == 0 or end <= start:
        return
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, title, min(len(title), end - start - 1))
    ctypes.CDLL(None).prctl(_PR_SET_NAME, title[:15], 0, 0, 0)
