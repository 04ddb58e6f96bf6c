"""What a child has of a server process that the application forks: nothing.

A process lists what belongs to it alone: descriptors, signal handlers, and what else is to be let go of. In a child
that the application forks (os.fork, multiprocessing, pty.fork) all of it is given up before any of the application's
code runs: handlers of ours become the system's default, so that TERM ends the child; the application's stay. So the
child can neither answer a request, nor claim one, nor speak to the zygote or the arbiter. When the application's code
returns to ours in a child, the child leaves.

While a thread forks, the signals in question are blocked in it: one that came between the fork and the end of the hook
would be taken by a handler that is about to go, and be lost.

C code that forks runs no hook. What its child could harm is kept from it by the kernel (`keep_from_children`).

Runs in: zygote, worker, log process, and in what the application forks from them.
"""

from __future__ import annotations

import atexit
import mmap
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]

# Those that processes of ours handle.
_SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGABRT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTERM,
    signal.SIGCHLD,
    signal.SIGVTALRM,
)

# Those that ask for something, and not for the end.
_ORDERS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM)

_handlers: dict[int, Handler] = {}
# By descriptor: device and inode, for the application may have closed it and got the number for something else.
_descriptors: dict[int, tuple[int, int]] = {}
_releases: list[Callable[[], None]] = []
_wakeup_descriptor = -1
# By thread: the signals that were blocked before it forked.
_masks: dict[int, set[int]] = {}
# The thread that forks a process of ours.
_forker: int | None = None
_is_child = False


def watch() -> None:
    """From now on. Once, before any code of the application: hooks run in their order in the child."""
    os.register_at_fork(before=_before, after_in_parent=_restore_signals, after_in_child=_in_child)
    atexit.register(_ignore_orders)  # registered first, so it runs last


# -- what belongs to this process ------------------------------------------------------------------------------


def own(descriptor: int) -> int:
    """Children neither inherit it by exec nor keep it. Returns it."""
    os.set_inheritable(descriptor, False)
    _descriptors[descriptor] = _identity(descriptor)
    return descriptor


def close(descriptor: int) -> None:
    """Of one that was owned."""
    _descriptors.pop(descriptor, None)
    os.close(descriptor)


def on_fork(release: Callable[[], None]) -> None:
    """To be called in the child. It must not raise, and must not wait for a lock."""
    _releases.append(release)


def handle(number: int, handler: Handler) -> None:
    """As signal.signal does."""
    _handlers[number] = handler
    signal.signal(number, handler)


def wake_up(descriptor: int) -> None:
    """As signal.set_wakeup_fd does. The main thread looks at what is readable then, so a full pipe is no matter."""
    global _wakeup_descriptor
    _wakeup_descriptor = descriptor
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)


def keep_from_children(memory: mmap.mmap) -> None:
    """Shared memory that a child must not write, whoever forks it: there it is not mapped at all."""
    if hasattr(mmap, "MADV_DONTFORK"):
        memory.madvise(mmap.MADV_DONTFORK)


# -- processes of our own --------------------------------------------------------------------------------------


def fork() -> int:
    """A process of this server. In the child nothing belongs to it yet, and signals wait until `accept_signals`."""
    global _forker
    _forker = threading.get_ident()
    try:
        return os.fork()
    finally:
        _forker = None


def accept_signals() -> None:
    """In a child of `fork`, once it has its own handlers."""
    _restore_signals()


# -- children of the application -------------------------------------------------------------------------------


def is_child() -> bool:
    """Whether this is one: nothing that it does is the server's business."""
    return _is_child


def leave_if_child(error: BaseException | None = None) -> None:
    """Wherever code of the application has returned, or raised `error`. Children end here, like any Python program."""
    if not _is_child:
        return
    code = 1
    try:
        code = exit_code(error)
        if error is not None and not isinstance(error, SystemExit):
            traceback.print_exception(type(error), error, error.__traceback__)
        # As multiprocessing does it: the thread that has forked may have been any, so the interpreter cannot be ended.
        getattr(threading, "_shutdown", _do_nothing)()
        getattr(atexit, "_run_exitfuncs", _do_nothing)()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def exit_code(error: BaseException | None) -> int:
    """What the interpreter makes of it; what is not a number it prints."""
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr, flush=True)
    return 1


def forget_processes() -> None:
    """In a worker: processes of multiprocessing that the preloaded application has started are its zygote's children.
    At its exit the worker would end those that are daemons, and fail to wait for the others."""
    process = sys.modules.get("multiprocessing.process")
    children = getattr(process, "_children", None)
    if isinstance(children, set):
        children.clear()


# -- the hook --------------------------------------------------------------------------------------------------


def _before() -> None:
    _masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _restore_signals() -> None:
    mask = _masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _in_child() -> None:
    global _is_child
    is_ours = _forker == threading.get_ident()
    _reset_handlers()
    if is_ours:
        _forget()
        return  # signals wait
    _is_child = True
    for release in _releases:
        release()
    for descriptor, identity in _descriptors.items():
        if _identity(descriptor) == identity:
            os.close(descriptor)
    _forget()
    _restore_signals()


def _forget() -> None:
    _releases.clear()
    _descriptors.clear()


def _reset_handlers() -> None:
    global _wakeup_descriptor
    before = signal.set_wakeup_fd(-1)
    if before not in (-1, _wakeup_descriptor):
        signal.set_wakeup_fd(before)
    _wakeup_descriptor = -1
    for number, handler in _handlers.items():
        if signal.getsignal(number) == handler:
            signal.signal(number, signal.SIG_DFL)
    _handlers.clear()


def _ignore_orders() -> None:
    """Python's end gives handlers back to the system. An order that came then would kill, and look like a crash."""
    for number in _ORDERS:
        if number in _handlers and signal.getsignal(number) == _handlers[number]:
            signal.signal(number, signal.SIG_IGN)


def _identity(descriptor: int) -> tuple[int, int]:
    """Of nothing when it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _do_nothing() -> None:
    """Where a Python has no such function."""
