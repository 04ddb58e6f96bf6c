"""Ends requests that run past their deadline, where Python can: the application's thread gets a RequestTimeout.

The arbiter keeps the deadlines, the zygote writes the overdue ticket into the slot of the thread that is on it and
sends OVERDUE_SIGNAL. The handler runs in the main thread. It writes the stacks of all threads to the worker's file, and
raises: in the main thread at once, which also ends a system call that waits; in another thread by
PyThreadState_SetAsyncExc, which waits until that thread runs Python code again.

No request pays for this but with three assignments, and no process with a thread: docs/decisions/0008.

The rule: an exception meets the request it is meant for or none. `Guard.work` names the request that may be ended
now. Main thread: announces (`_state`), then looks at `work`, then sets the exception. Serving thread: forgets
`work`, then looks at `_state`. So at least one sees the other, and what is pending is cleared before the thread
goes on.

Runs in: worker.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from . import forking
from .exceptions import RequestTimeout

# A request is overdue: its ticket stands in the slot. Or the worker is ordered to retire: that stands there too. Or a
# gateway has read a file (files_out.py). Nobody else is known to send it.
OVERDUE_SIGNAL = signal.SIGVTALRM
# Write the stacks, although no Python code may run any more. Ignored by default, so no worker is ever hurt by it.
STACKS_SIGNAL = signal.SIGURG

Ticket = tuple[int, int, int, int]


class OverdueSlot(Protocol):
    """What of a Slot is needed here."""

    def overdue(self) -> tuple[int, int]:
        """Gateway and ticket of the request that is to be ended."""


def load_thread_exceptions() -> None:
    """Before the first fork of workers with threads: they share what ctypes needs."""
    try:
        import ctypes  # noqa: F401 - only workers with threads need it
    except ImportError:
        pass  # a Python without libffi: a stuck thread is then lost with its worker


def _set_exception(thread: int, exception: type[BaseException] | None) -> None:
    """Pending for this thread from now on; None takes back what is pending."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        pending = None if exception is None else ctypes.py_object(exception)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), pending)


_FREE, _SETTING, _SET = 0, 1, 2


class Guard:
    """One serving thread: which request it is on, and whether that request was ended."""

    __slots__ = ("_slot", "_state", "_thread", "work")

    def __init__(self, slot: OverdueSlot) -> None:
        self._slot = slot
        self._state = _FREE
        self._thread = threading.get_ident()
        # To be set when the request can be ended from now on, and to None before anything else is done.
        self.work: Ticket | None = None

    @property
    def thread(self) -> int:
        return self._thread

    def is_overdue(self) -> bool:
        work = self.work
        return work is not None and work[:2] == self._slot.overdue()

    def interrupt(self) -> None:
        """In the main thread's signal handler. Raises RequestTimeout when this is the main thread's guard."""
        if self._thread == threading.get_ident():
            if self.is_overdue():
                self._state = _SET
                raise RequestTimeout
            return
        self._state = _SETTING
        if self.is_overdue():
            _set_exception(self._thread, RequestTimeout)
            self._state = _SET
        else:
            self._state = _FREE

    def ended(self) -> bool:
        """In the serving thread, once `work` is None: whether the request was ended. Nothing is pending afterwards.
        RequestTimeout may still come out of this."""
        if self._state == _FREE:
            return False
        while self._state == _SETTING:
            time.sleep(0.001)
        was_set = self._state == _SET
        if was_set and self._thread != threading.main_thread().ident:
            _set_exception(self._thread, None)
        self._state = _FREE
        return was_set

    def was_raised(self) -> None:
        """RequestTimeout has arrived: it comes once a request, so nothing is pending."""
        self.work = None
        self._state = _FREE


class Interrupts:
    """The worker's side of deadlines: two signals, and a file for stacks that the arbiter puts into the error log."""

    def __init__(self, stacks_path: str, on_poke: Callable[[], None] = lambda: None) -> None:
        """`on_poke` is called at every OVERDUE_SIGNAL: what else it may mean."""
        self._on_poke = on_poke
        # The application may write here too: what has this name already would be waited for, or followed.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(stacks_path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = forking.own(os.open(stacks_path, flags, 0o600))
        self._guards: list[Guard] = []
        faulthandler.register(STACKS_SIGNAL, file=self._file, all_threads=True)
        forking.on_fork(lambda: faulthandler.unregister(STACKS_SIGNAL))
        forking.handle(OVERDUE_SIGNAL, self._on_overdue)

    def end(self) -> None:
        """No request is ended any more: the worker leaves. At its very end Python makes the system's default of every
        handler, and one that comes late would kill."""
        signal.signal(OVERDUE_SIGNAL, signal.SIG_IGN)
        self._guards.clear()

    def guard(self, slot: OverdueSlot) -> Guard:
        """Of the calling thread."""
        guard = Guard(slot)
        self._guards.append(guard)
        return guard

    def _on_overdue(self, _signal: int, frame: FrameType | None) -> None:
        self._on_poke()
        overdue = [guard for guard in self._guards if guard.is_overdue()]
        if not overdue:
            return  # finished meanwhile
        os.write(self._file, format_stacks({guard.thread for guard in overdue}, frame).encode())
        for guard in overdue:
            guard.interrupt()


def format_stacks(overdue: set[int], main_frame: FrameType | None) -> str:
    """The stacks of all threads, the overdue ones first; of the main thread what the signal has interrupted."""
    frames: dict[int, FrameType] = dict(sys._current_frames())  # noqa: SLF001 - documented for this purpose
    if main_frame is not None:
        frames[threading.get_ident()] = main_frame
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    ordered: Sequence[int] = sorted(frames, key=lambda thread: thread not in overdue)
    text = []
    for thread in ordered:
        note = ", overdue" if thread in overdue else ""
        text.append(f"Thread {names.get(thread, thread)}{note} (most recent call last):\n")
        text.extend(traceback.format_stack(frames[thread]))
    return "".join(text)
