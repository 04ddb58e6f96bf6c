"""A worker: imports the application, then claims one request after the other until it is told to retire.

Every thread claims for itself, so no thread hands a request to another. In Gunicorn's sync that is the main thread, as
applications expect; in gthread the main thread only waits for signals, and notes now and then that it can run.

Signals: TERM retires: finish what is claimed, claim no more, leave. INT and
QUIT leave at once. USR1 reopens the log. ABRT leaves at once, with exit code 1. For deadlines see request_timeout.py.

Runs in: worker.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from . import log
from .app_loader import AppImportError, WSGIApplication, load_application
from .arena import Arenas
from .environ import base_environ
from .exceptions import RequestTimeout
from .failure_page import failure_page
from .files_out import FilesOut
from .hooked_request import RequestHooks
from .hooks import HookWorker, Server
from .imported_files import ImportFailure
from .layout import stacks_file
from .likely_cause import log_likely_cause
from .patient_output import let_go_of_stuck_streams
from .quoted import quoted
from .reply import ClientGone, GatewayGone, GatewayUnreachable, ReplyStream, ReplyStreams
from .request_timeout import OVERDUE_SIGNAL, Interrupts
from .scoreboard import Slot
from .settings import Settings
from .tickets import Claimer, TicketQueue
from .wsgi import WSGIRequest

# Gunicorn's exit codes: the application could not be imported, or was not found in its module.
EXIT_BOOT_FAILED = 3
EXIT_APP_NOT_FOUND = 4
EXIT_HOOK_FAILED = 255

# How often the main thread of a worker with threads notes that it runs, s; at least twice in a `timeout`.
_ALIVE_SECONDS = 1.0


class Worker:
    """One forked worker process."""

    def __init__(
        self,
        settings: Settings,
        age: int,
        slots: list[Slot],
        application: WSGIApplication | None,
        server: Server,
        worker: HookWorker,
    ) -> None:
        """`server` and `worker` are what hooks are called with."""
        self._server = server
        self._worker = worker
        self._request_hooks = RequestHooks.maybe(server, worker)
        self._settings = settings
        self._age = age
        self._slots = slots
        self._application = application
        # With --reload: why there is none.
        self._failure: ImportFailure | None = None
        self._exit_code = 0
        self._queue = TicketQueue(settings.run_directory)
        self._arenas = Arenas(settings.run_directory)
        self._base_environ = base_environ(settings)
        # With threads: some of `_files` are to be closed.
        self._files_due = False

    def run(self, report_ready: Any) -> int:
        """Boots, serves, and returns the process's exit code."""
        self._init_signals()
        self._files = FilesOut(OVERDUE_SIGNAL, self._queue.nudge)
        stacks = os.path.join(self._settings.run_directory, stacks_file(self._age))
        self._interrupts = Interrupts(stacks, self._files.on_signal)
        log.error_log.info("Booting worker with pid: %s", os.getpid())
        exit_code = self._boot()
        if exit_code == 0:
            report_ready(self._failure)
            if self._settings.multithread:
                self._serve_with_threads()
            else:
                self._serve(self._slots[0])
            exit_code = self._exit_code
            # The rest of `graceful_timeout` is for the application's own farewell.
            self._files.close_all(self._settings.cfg.get("graceful_timeout", 0) / 2)
        self._say_farewell()
        return exit_code

    def _boot(self) -> int:
        try:
            self._call_hook("post_fork", self._server, self._worker)
            if self._application is None:
                self._application = load_application(self._settings.app_uri)
            self._worker.wsgi = self._worker.app.callable = self._application
            self._call_hook("post_worker_init", self._worker)
            self._worker.booted = True
        except AppImportError as error:
            print(error, file=sys.stderr)
            sys.stderr.flush()
            log_likely_cause(error, self._settings.app_uri)
            if not self._stands_in(error):
                return EXIT_APP_NOT_FOUND
        except SystemExit as error:
            # An application that exits at import must not pass for a worker that was told to leave.
            log.error_log.exception(
                "Exception in worker process: the application called sys.exit(%r)", error.code
            )
            if not self._stands_in(error):
                return EXIT_BOOT_FAILED
        except BaseException as error:  # noqa: BLE001 - whatever an import can raise: it is the application's, and is shown
            log.error_log.exception("Exception in worker process")
            log_likely_cause(error, self._settings.app_uri)
            if not self._stands_in(error):
                return EXIT_BOOT_FAILED
        # What the application's import has left is there to stay; collections need not look at it again.
        gc.freeze()
        for slot in self._slots:
            slot.occupy(self._age, self._settings.generation)
        return 0

    def _stands_in(self, failure: BaseException) -> bool:
        """With --reload a page shows the failure, until a file is saved."""
        if not self._settings.reload:
            return False
        self._failure = ImportFailure(failure, time.time())
        self._application = failure_page(failure, self._settings.app_uri)
        return True

    def _call_hook(self, name: str, *args: Any) -> None:
        hook = self._server.hook(name)
        if hook is not None:
            hook(*args)

    def _say_farewell(self) -> None:
        """The last line of the log, and the last hook."""
        log.error_log.info("Worker exiting (pid: %s)", os.getpid())
        self._worker.alive = False
        if self._request_hooks is None:
            self._worker.nr = sum(slot.served for slot in self._slots)
        try:
            self._call_hook("worker_exit", self._server, self._worker)
        except Exception:  # noqa: BLE001 - the worker leaves anyway; what the hook raises is told
            log.error_log.warning("Exception during worker exit:\n%s", traceback.format_exc())
        let_go_of_stuck_streams()

    # -- serving ---------------------------------------------------------------------------------------------

    def _serve(self, slot: Slot) -> None:
        """The loop of one thread."""
        application = self._application
        assert application is not None
        queue = self._queue
        claim = Claimer(queue).claim
        read_record = self._arenas.read
        streams = ReplyStreams(self._settings.run_directory, self._age, slot, self._files)
        base = self._base_environ
        make_request = WSGIRequest if self._request_hooks is None else self._request_hooks.request
        guard = self._interrupts.guard(slot)
        while not queue.nudged or self._goes_on():
            claimed = claim()
            if claimed is None:
                if queue.nudged:
                    continue
                break
            gateway, ticket, offset, streams.key = claimed
            streams.claimed = slot.claimed(gateway, ticket)
            try:
                request = read_record(gateway, ticket, offset)
            except OSError as error:
                if not _fail_unread(error, streams, gateway, ticket):
                    self._leave_cut_off(slot, error)
                    return
                slot.idle()
                continue
            if request is None:
                if self._arenas.is_probe(gateway, ticket, offset):
                    _answer_probe(streams, gateway, ticket)
                else:
                    queue.realign()
                slot.dropped()
                continue
            slot.working()
            environ, body = request
            environ.update(base)
            environ["wsgi.input"] = body
            # From here on RequestTimeout may come out of any line, until `ended` has returned.
            try:
                guard.work = claimed
                _answer(make_request, application, environ, streams, gateway, ticket)
                guard.work = None
                if guard.ended():
                    streams.drop(gateway)  # perhaps in the middle of a frame
            except RequestTimeout:
                guard.was_raised()
                streams.drop(gateway)
                _log_ended(environ)
            except GatewayUnreachable as error:
                self._leave_cut_off(slot, error)
                return
            body.close()
            slot.idle()
        slot.retiring()

    def _goes_on(self) -> bool:
        """Between two requests, with something else to do: whether there is another claim."""
        if self._queue.retiring:
            return False
        if not self._settings.multithread:
            self._queue.go_on()
            # As busy as with a request, so that a `close()` that hangs has a deadline too; 0 is no gateway.
            self._slots[0].claimed(0, 0)
            self._files.close_finished()
            self._slots[0].dropped()
        return not self._queue.retiring

    def _leave_cut_off(self, slot: Slot, error: Exception) -> None:
        """The gateway answers 502 for the request in work: the slot of a dead worker still notes it, or of a thread
        which has ended while the others finish their requests."""
        log.error_log.error(
            "Worker (pid:%s) cannot connect to its gateway (%s); it leaves", os.getpid(), error
        )
        self._exit_code = 1
        self._queue.retire()
        if len(self._slots) > 1:
            slot.retiring()

    def _serve_with_threads(self) -> None:
        """The main thread only waits: for a signal, whose C handler writes to the pipe, or for a thread to end."""
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

        def wake() -> None:
            try:
                os.write(write_end, b"\0")
            except BlockingIOError:
                pass  # full, so the main thread is about to wake

        def serve(slot: Slot) -> None:
            try:
                self._serve(slot)
            finally:
                wake()

        def on_files_due() -> None:
            self._files_due = True
            wake()

        self._files.on_due = on_files_due
        threads = [threading.Thread(target=serve, args=(slot,), daemon=True) for slot in self._slots]
        for thread in threads:
            thread.start()
        self._watch(threads, read_end)
        self._queue.retire()
        for thread in threads:
            # Ends a wait for a ticket; the repeated `read` finds the queue non-blocking. Work goes on.
            if thread.ident is not None and thread.is_alive():
                signal.pthread_kill(thread.ident, signal.SIGTERM)
        for thread in threads:
            thread.join()

    def _watch(self, threads: list[threading.Thread], read_end: int) -> None:
        """The main thread's part, until a thread ends or all are to."""
        timeout = self._settings.cfg.get("timeout", 0)
        pause = min(_ALIVE_SECONDS, timeout / 2) * 1e3 if timeout else None
        poll = select.poll()
        poll.register(read_end, select.POLLIN)
        while not self._queue.retiring and all(thread.is_alive() for thread in threads):
            if pause is not None:
                self._slots[0].is_alive()
            if not poll.poll(pause):
                continue
            os.read(read_end, 512)
            if self._files_due:
                self._files_due = False
                # Not here: nobody knows how long the application takes for it.
                threading.Thread(target=self._files.close_finished, daemon=True).start()

    # -- signals ---------------------------------------------------------------------------------------------

    def _init_signals(self) -> None:
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGUSR1, self._on_usr1)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            signal.signal(number, self._on_quit)
        for number in (signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # The arbiter's business: a terminal sends it to the whole process group.
        signal.signal(signal.SIGWINCH, signal.SIG_IGN)

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        self._queue.retire()
        self._slots[0].retire_seen()

    def _on_quit(self, number: int, _frame: FrameType | None) -> None:
        # No thread claims any more; what they are on stays noted, for the arbiter has it answered 502.
        self._queue.retire()
        exit_code = 1 if number == signal.SIGABRT else 0
        self._worker.alive = False
        try:
            self._call_hook("worker_abort" if number == signal.SIGABRT else "worker_int", self._worker)
        except Exception:  # noqa: BLE001 - the worker leaves anyway; what the hook raises is told
            log.error_log.exception("Exception in worker process")
            exit_code = EXIT_HOOK_FAILED
        if number != signal.SIGABRT:
            self._files.close_all(0)
        self._say_farewell()
        sys.stdout.flush()
        os._exit(exit_code)

    def _on_usr1(self, _signal: int, _frame: FrameType | None) -> None:
        log.reopen()


def _answer(
    make_request: Callable[[ReplyStream, int], WSGIRequest],
    application: WSGIApplication,
    environ: dict[str, Any],
    streams: ReplyStreams,
    gateway: int,
    ticket: int,
) -> None:
    """Raises RequestTimeout."""
    try:
        request = make_request(streams.to(gateway), ticket)
        try:
            request.run(application, environ)
        except (GatewayGone, GatewayUnreachable, RequestTimeout):
            raise
        except ClientGone:
            _log_left(environ)
            request.fail()
        except BaseException:  # noqa: BLE001 - also SystemExit: a view must not stop the server
            _log_error(environ)
            request.fail()
    except GatewayGone:
        streams.drop(gateway)


def _answer_probe(streams: ReplyStreams, gateway: int, ticket: int) -> None:
    try:
        streams.to(gateway).answer_probe(ticket)
    except (GatewayGone, GatewayUnreachable):
        streams.drop(gateway)


def _fail_unread(error: OSError, streams: ReplyStreams, gateway: int, ticket: int) -> bool:
    """The request is there, and this process has no descriptor or memory left for it: 500. Returns False when not even
    that can be said."""
    try:
        streams.to(gateway).fail(ticket)
    except GatewayUnreachable:
        return False
    except GatewayGone:
        streams.drop(gateway)
        return True
    log.error_log.error("Cannot read a request (%s); answered 500", error)
    return True


def _log_ended(environ: dict[str, Any]) -> None:
    log.error_log.warning(
        "Request %s was ended by RequestTimeout; the worker goes on", _request_line(environ)
    )


def _log_left(environ: dict[str, Any]) -> None:
    """Nothing has gone wrong, and nobody is to be told but who looks for it."""
    log.error_log.debug("The client of request %s has left; its response is closed", _request_line(environ))


def _log_error(environ: dict[str, Any]) -> None:
    """The traceback with the request it belongs to. What the application has left of the environ may be anything."""
    log.error_log.exception("Error handling request %s", _request_line(environ))


def _request_line(environ: dict[str, Any]) -> str:
    return quoted(f"{environ.get('REQUEST_METHOD')} {environ.get('RAW_URI')}")
