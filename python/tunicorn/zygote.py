"""The zygote: a plain single-threaded process that forks workers and reports what becomes of them.

It has imported nothing but this package, modules of the standard library, and the application with --preload, so that
`fork()` is safe and the pages are shared. It decides nothing: the arbiter orders forks and retirements, the zygote
carries them out and reports. When the arbiter goes, the zygote goes, and the workers with it (lifeline.py). When it is
dismissed it leaves as every Python program does, so that `atexit` runs in the process that imported the application.

Code of the application runs here too, with --preload and in hooks, and may fork: see forking.py. It waits for its
own children, so the zygote asks the system for none but its own.

Runs in: zygote. `fork` returns in the worker too.
"""

from __future__ import annotations

import os
import platform
import select
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

from . import forking, log, log_process
from .app_loader import WSGIApplication, load_application
from .common_imports import import_common_modules, share_memory
from .configuration import Configuration, ConfigurationError, read
from .control import CONTROL_DESCRIPTOR, LIFELINE_DESCRIPTOR, LineReader, Message, send
from .failure_page import failure_page
from .hooks import Config, HookFailed, Server
from .identity import become, set_title
from .imported_files import ImportFailure, report_imported_files
from .layout import SCOREBOARD_FILE, TICKETS_FILE
from .lifeline import die_with_parent
from .likely_cause import likely_cause, log_likely_cause
from .log_configuration import LogConfigurationError, configure, with_objects
from .patient_output import flush_standard_streams
from .request_timeout import OVERDUE_SIGNAL, STACKS_SIGNAL, load_thread_exceptions
from .scheduling import run_as_batch
from .scoreboard import Slot, open_scoreboard
from .settings import Settings
from .worker import Worker

# Descriptors that may have been inherited lie below.
_MOST_DESCRIPTORS = 1024

# A log process that dies sooner is not replaced: the next one would do the same, s.
_LOG_PROCESS_MIN_SECONDS = 1.0

# A retiring worker that has not seen the order is poked after this long, again and again, s. TERM is sent once, for the
# application may handle it; it may also come just before a `read` that it does not interrupt.
_POKE_SECONDS = 0.1

# So late, at most, the end of a worker is noticed where the application has taken SIGCHLD away, s.
_REAP_SECONDS = 1.0

# Of a worker whose status was taken by code of the application, which waits for any child.
_UNKNOWN_STATUS = 255


@dataclass
class Child:
    """A forked worker, as its zygote knows it."""

    age: int
    slots: list[Slot]
    lifeline: int
    # When to poke it, on the monotonic clock; None unless it is to retire and has not seen the order.
    poke_at: float | None = None


@dataclass
class LogChild:
    """The log process (log_process.py), as its zygote knows it."""

    pid: int
    born: float
    lifeline: int
    listener: socket.socket
    logger: Any


class Zygote:
    """Forks, signals and reaps workers at the arbiter's orders."""

    def __init__(self, settings: Settings, configuration: Configuration, control: LineReader) -> None:
        self._settings = settings
        self._server = Server(settings, configuration)
        self._control = control
        self._children: dict[int, Child] = {}
        # In a worker: its own.
        self._slots: list[Slot] = []
        self._application: WSGIApplication | None = None
        self._board = open_scoreboard(os.path.join(settings.run_directory, SCOREBOARD_FILE))
        forking.on_fork(self._close_board)
        self._report_read, self._report_write = map(forking.own, os.pipe())
        self._reports = LineReader(self._report_read)
        self._wakeup_read, self._wakeup_write = map(forking.own, os.pipe())
        own = (CONTROL_DESCRIPTOR, LIFELINE_DESCRIPTOR, self._report_write, self._wakeup_write)
        self._descriptors = {descriptor: _identity(descriptor) for descriptor in own}
        self._log_process: LogChild | None = None
        # With --reload: why --preload has not imported the application.
        self._failure: ImportFailure | None = None

    def prepare(self) -> None:
        """Before the first fork: the queue's FIFO, with --preload the application, and the hooks of the start.

        Raises HookFailed, or whatever the application's import raises."""
        try:
            os.mkfifo(os.path.join(self._settings.run_directory, TICKETS_FILE), 0o600)
        except FileExistsError:
            pass  # an earlier generation's; the queue outlives it
        occasion = self._settings.occasion
        if occasion != "restart":
            self._server.call("nworkers_changed", self._settings.workers, self._settings.old_workers)
        if self._settings.multithread:
            load_thread_exceptions()
        if self._settings.preload_app:
            self._application = self._preload()
            self._check_descriptors()
            share_memory()
        if occasion != "restart":
            self._server.call("on_starting" if occasion == "start" else "on_reload")
        self._init_signals()
        self._send({"type": "prepared", "python": platform.python_version()})
        # Now: meanwhile a gateway starts, without which there is no first fork.
        if not self._settings.preload_app:
            import_common_modules()

    def _preload(self) -> WSGIApplication:
        try:
            application = load_application(self._settings.app_uri)
        except BaseException as error:
            forking.leave_if_child(error)
            if not self._settings.reload:
                raise
            log.error_log.exception("Exception while preloading the application")
            log_likely_cause(error, self._settings.app_uri)
            self._failure = ImportFailure(error, time.time())
            return failure_page(error, self._settings.app_uri)
        forking.leave_if_child()
        return application

    def _check_descriptors(self) -> None:
        """Code that closes all descriptors, as daemons do, has closed ours, and may have opened others there."""
        for descriptor, identity in self._descriptors.items():
            if _identity(descriptor) != identity:
                raise RuntimeError(f"the application has closed descriptor {descriptor}, which is Tunicorn's")

    def run(self) -> Worker | None:
        """Until the arbiter closes the control channel; in a forked child it returns the worker to run."""
        poll = select.poll()
        for descriptor in (self._control.descriptor, self._report_read, self._wakeup_read):
            poll.register(descriptor, select.POLLIN)
        while not self._control.closed:
            waiting = any(child.poke_at is not None for child in self._children.values())
            poll.poll((_POKE_SECONDS if waiting else _REAP_SECONDS) * 1000)
            self._drain_wakeups()
            for order in self._read_orders():
                worker = self._obey(order)
                if worker is not None:
                    return worker
            self._relay_reports()
            self._reap()
            self._poke()
        return None

    def _obey(self, order: Message) -> Worker | None:
        match order["type"]:
            case "fork":
                return self._fork(order["age"], order["slot"])
            case "hook":
                self._call_hook(order)
            case "retire":
                self._retire(order["pid"])
            case "reopen-logs":
                log.reopen()
            case "interrupt":
                self._interrupt(order["pid"], order["slot"], order["gateway"], order["ticket"])
            case "run-as-batch":
                run_as_batch(order["pid"])
            case "write-stacks":
                self._signal(order["pid"], STACKS_SIGNAL)
            case "kill":
                self._signal(order["pid"], order["signal"])
            case unknown:
                log.error_log.error("Zygote: unknown order %.200r, ignored", unknown)
        return None

    # -- workers ---------------------------------------------------------------------------------------------

    def _fork(self, age: int, first_slot: int) -> Worker | None:
        slots = [Slot(self._board, first_slot + thread) for thread in range(self._settings.threads)]
        slots[0].reserve()
        worker = self._server.new_worker(age)
        try:
            self._server.call("pre_fork", worker)
        except HookFailed as error:
            self._send({"type": "hook-failed", "name": error.name, "age": age})
            return None
        lifeline_read, lifeline_write = os.pipe()
        flush_standard_streams()
        try:
            pid = forking.fork()
        except OSError as error:
            os.close(lifeline_read)
            os.close(lifeline_write)
            self._send({"type": "fork-failed", "age": age, "error": str(error)})
            return None
        if pid == 0:
            os.close(lifeline_write)
            self._slots = slots
            self._become_worker(lifeline_read)
            set_title(f"tunicorn: worker [{self._settings.process_name}]")
            worker.pid = os.getpid()
            return Worker(self._settings, age, slots, self._application, self._server, worker)
        os.close(lifeline_read)
        worker.pid = pid
        self._server.WORKERS[pid] = worker
        self._children[pid] = Child(age, slots, forking.own(lifeline_write))
        self._send({"type": "forked", "age": age, "pid": pid})
        return None

    def _call_hook(self, order: Message) -> None:
        """A hook of the master, at the arbiter's order."""
        try:
            if order["name"] == "nworkers_changed":
                self._server.num_workers = order["workers"]
                self._server.call("nworkers_changed", order["workers"], order["old_workers"])
            else:
                self._server.call(order["name"])
        except HookFailed as error:
            self._send({"type": "hook-failed", "name": error.name})

    def _become_worker(self, lifeline: int) -> None:
        """In the child."""
        die_with_parent(forking.own(lifeline))
        self._let_go()
        forking.own(self._report_write)
        log.own_output()
        forking.forget_processes()
        forking.keep_from_children(self._board)
        forking.on_fork(self._close_board)

    def _close_board(self) -> None:
        """In a child of the application: the map has a descriptor too. First the views of it go."""
        for slot in (*self._slots, *(slot for child in self._children.values() for slot in child.slots)):
            slot.let_go()
        try:
            self._board.close()
        except BufferError:
            pass  # another thread was just writing through one

    def _let_go(self) -> None:
        """In a child: of everything that is the zygote's."""
        if self._log_process is not None:
            os.close(self._log_process.lifeline)
            self._log_process.listener.close()
        for child in self._children.values():
            os.close(child.lifeline)
        for descriptor in (
            CONTROL_DESCRIPTOR,
            LIFELINE_DESCRIPTOR,
            self._report_read,
            self._wakeup_read,
            self._wakeup_write,
        ):
            os.close(descriptor)

    def report_ready(self, failure: ImportFailure | None) -> None:
        """In the child: boots are over, it claims from now on. `failure`: with --reload, why it has no application."""
        if self._settings.reload:
            report_imported_files(self._report_write, failure or self._failure)
        send(self._report_write, {"type": "ready", "pid": os.getpid()})
        if not self._settings.reload:
            forking.close(self._report_write)

    def _retire(self, pid: int) -> None:
        child = self._children.get(pid)
        if child is not None:
            child.poke_at = time.monotonic() + _POKE_SECONDS
            child.slots[0].order_to_retire()
            self._signal(pid, signal.SIGTERM)

    def _interrupt(self, pid: int, number: int, gateway: int, ticket: int) -> None:
        """The request runs past its deadline. Written first, then signalled."""
        child = self._children.get(pid)
        if child is None:
            return
        for slot in child.slots:
            if slot.number == number:
                slot.set_overdue(gateway, ticket)
        self._signal(pid, OVERDUE_SIGNAL)

    def _poke(self) -> None:
        """Not together with TERM: of two signals at once another thread may take both, and then nothing interrupts the
        main thread."""
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.poke_at is None:
                continue
            if child.slots[0].has_seen_retire():
                child.poke_at = None
            elif now >= child.poke_at:
                child.poke_at = now + _POKE_SECONDS
                self._signal(pid, OVERDUE_SIGNAL)

    def _signal(self, pid: int, number: int) -> None:
        """Only children that are not reaped yet, so a pid that was given to a stranger is never signalled."""
        if pid not in self._children:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # code of the application has waited for it; `_reap` finds out

    def _reap(self) -> None:
        if self._log_process is not None and _maybe_exit_code(self._log_process.pid) is not None:
            self._replace_log_process(self._log_process)
        for pid, child in list(self._children.items()):
            code = _maybe_exit_code(pid)
            if code is None:
                continue
            del self._children[pid]
            self._relay_reports()
            forking.close(child.lifeline)
            self._send(
                {
                    "type": "exited",
                    "pid": pid,
                    "age": child.age,
                    "code": max(code, 0),
                    "signal": max(-code, 0),
                }
            )
            self._child_exit(pid)

    def _child_exit(self, pid: int) -> None:
        worker = self._server.WORKERS.pop(pid)
        try:
            self._server.call("child_exit", worker)
        except HookFailed as error:
            self._send({"type": "hook-failed", "name": error.name})

    # -- log process -----------------------------------------------------------------------------------------

    def open_logs(self, logger: Any) -> None:
        """Python decides what becomes of a line: arbiter and gateways get a process to send theirs to."""
        path = os.path.join(self._settings.run_directory, f"log-{self._settings.generation}")
        self._fork_log_process(log_process.listen(path), logger)
        self._send({"type": "log-opened", "path": path})

    def _fork_log_process(self, listener: socket.socket, logger: Any) -> None:
        lifeline_read, lifeline_write = os.pipe()
        self._log_process = None
        flush_standard_streams()
        pid = forking.fork()
        if pid == 0:
            try:
                os.close(lifeline_write)
                forking.own(lifeline_read)
                forking.own(listener.fileno())
                log.own_output()
                self._let_go()
                set_title(f"tunicorn: log [{self._settings.process_name}]")
                log_process.run(listener, lifeline_read, logger, self._settings.log["access_log_format"])
            finally:
                os._exit(1)
        os.close(lifeline_read)
        forking.own(listener.fileno())
        self._log_process = LogChild(pid, time.monotonic(), forking.own(lifeline_write), listener, logger)

    def _replace_log_process(self, dead: LogChild) -> None:
        forking.close(dead.lifeline)
        if time.monotonic() - dead.born > _LOG_PROCESS_MIN_SECONDS:
            self._fork_log_process(dead.listener, dead.logger)
            return
        # Arbiter and gateways find nobody there, and write to standard error instead.
        self._log_process = None
        dead.listener.close()

    # -- channels --------------------------------------------------------------------------------------------

    def _drain_wakeups(self) -> None:
        try:
            while os.read(self._wakeup_read, 512):
                pass
        except BlockingIOError:
            pass

    def _read_orders(self) -> list[Message]:
        if not _readable(self._control.descriptor):
            return []
        return self._control.read()

    def _relay_reports(self) -> None:
        while _readable(self._report_read):
            for report in self._reports.read():
                self._send(report)

    def _send(self, report: Message) -> None:
        try:
            send(self._control.descriptor, report)
        except (BrokenPipeError, ConnectionResetError):
            self._control.closed = True

    def _init_signals(self) -> None:
        """The arbiter decides what a signal to the group means; the zygote only hears of its children."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
            forking.handle(number, lambda _signal, _frame: None)
        forking.handle(signal.SIGUSR1, lambda _signal, _frame: log.reopen())
        forking.handle(signal.SIGCHLD, lambda _signal, _frame: None)
        for descriptor in (self._wakeup_read, self._wakeup_write):
            os.set_blocking(descriptor, False)
        forking.wake_up(self._wakeup_write)


def _maybe_exit_code(pid: int) -> int | None:
    """Of a child that has ended; negative: the signal that killed it. None while it lives."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return _UNKNOWN_STATUS
    return os.waitstatus_to_exitcode(status) if reaped else None


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Which open file it is; None when it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _surround(settings: Settings) -> None:
    """User, name, working directory, import path and environment, in Gunicorn's order."""
    become(settings)
    # Not before: it imports, and a configuration file has put the launch directory on the path: it may be the user's.
    set_title(f"tunicorn: zygote [{settings.process_name}]")
    _put_on_path(settings.launch_directory)
    os.chdir(settings.chdir)
    _put_on_path(settings.chdir)
    sys.path[0:0] = [path for path in settings.pythonpath if path not in sys.path]
    os.environ["SERVER_SOFTWARE"] = settings.server_software
    os.environ.update(settings.environment)


def _put_on_path(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _configure(order: Message) -> Configuration | None:
    """Executes the configuration file, and reports; None when it cannot be used."""
    _put_on_path(order["launch_directory"])
    try:
        configuration, values = read(order["location"], order["names"], order["arities"])
        forking.leave_if_child()
    except ConfigurationError as error:
        forking.leave_if_child(SystemExit(error.code))
        send(CONTROL_DESCRIPTOR, {"type": "configuration-failed", "text": error.text, "code": error.code})
        return None
    send(CONTROL_DESCRIPTOR, {"type": "configured", "values": values})
    return configuration


def _check(settings: Settings) -> int:
    """Imports the application as a worker would (--check-config). Returns the exit code."""
    _surround(settings)
    try:
        load_application(settings.app_uri)
    except Exception as error:  # noqa: BLE001 - whatever an import can raise: it is the application's, and is shown
        print("\nError while loading the application:\n", file=sys.stderr)
        traceback.print_exc()
        cause = likely_cause(error, settings.app_uri)
        if cause is not None:
            print(f"Likely cause: {cause}", file=sys.stderr)
        sys.stderr.flush()
        return 1
    return 0


def main() -> int:
    """The process's whole life. Exit codes: 0 told to leave, 1 it could not start or --preload failed."""
    forking.watch()
    die_with_parent(forking.own(LIFELINE_DESCRIPTOR))
    forking.own(CONTROL_DESCRIPTOR)
    # What a supervisor or an upgrade has passed to the arbiter is none of the application's business.
    os.closerange(LIFELINE_DESCRIPTOR + 1, _MOST_DESCRIPTORS)
    control = LineReader(CONTROL_DESCRIPTOR)
    send(CONTROL_DESCRIPTOR, {"type": "hello", "pid": os.getpid(), "python": platform.python_version()})
    configuration = Configuration()
    while not control.closed:
        for order in control.read():
            match order["type"]:
                case "configure":
                    read_now = _configure(order)
                    if read_now is None:
                        return 1
                    configuration = read_now
                case "check":
                    return _check(Settings.from_message(order["settings"]))
                case "start":
                    return _live(Settings.from_message(order["settings"]), configuration, control)
                case unknown:
                    raise RuntimeError(f"unknown order {unknown!r}")
    return 0


def _live(settings: Settings, configuration: Configuration, control: LineReader) -> int:
    """As the zygote of a generation; in a forked child as its worker."""
    log.open_output()
    _surround(settings)
    logs = with_objects(settings.log, configuration.values)
    try:
        # JSON may have lost what the dictionary has.
        plain = {**settings.cfg, "logconfig_dict": logs["logconfig_dict"]}
        logger = configure(logs, Config(plain, configuration))
    except LogConfigurationError as error:
        print(f"\nError: {error}", file=sys.stderr, flush=True)
        return 1
    zygote = Zygote(settings, configuration, control)
    if logs["is_custom"]:
        zygote.open_logs(logger)
    try:
        zygote.prepare()
    except HookFailed:
        return 1
    except BaseException as error:  # noqa: BLE001 - with --preload: whatever an import can raise
        forking.leave_if_child(error)
        log.error_log.exception("Exception while preloading the application")
        log_likely_cause(error, settings.app_uri)
        return 1
    worker = zygote.run()
    if worker is not None:
        return worker.run(zygote.report_ready)
    return 0
