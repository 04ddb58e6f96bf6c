"""A worker: imports the application, then claims one request after the other until it is told to retire.

Every thread claims for itself, so no thread hands a request to another. In Gunicorn's sync that is the main thread, as
applications expect; in gthread the main thread only waits for signals, and notes now and then that it can run.

Signals: TERM retires, once the arbiter has ordered it: finish what is claimed, claim no more, leave. INT and
QUIT leave at once. USR1 reopens the log. ABRT leaves at once, with exit code 1. For deadlines see request_timeout.py.
An application may handle TERM itself; the order to retire stands in the slot too, and comes with a signal of ours.

However a worker leaves, unless it is killed: the farewell, the hook `worker_exit`, and then what Python does at the end
of every program, with the application's `atexit`. The arbiter sets the deadline.

A child that the application forks is no worker (forking.py): it leaves when the application's code is done.

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

from . import forking, log
from .app_loader import AppImportError, WSGIApplication, load_application
from .arena import Arenas
from .environ import base_environ
from .exceptions import Quit, RequestTimeout
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
# As Python's, when an exception ends the program.
EXIT_FAILED = 1

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
        # It says goodbye: no signal hurries it, only the arbiter's deadline.
        self._is_leaving = False
        self._is_aborted = False
        forking.on_fork(self._let_go)

    def _let_go(self) -> None:
        """In a child of the application. Streams are let go of by the thread that has them."""
        self._queue.let_go()
        self._arenas.let_go()
        for slot in self._slots:
            slot.let_go()

    def run(self, report_ready: Any) -> int:
        """Boots, serves, and returns the process's exit code."""
        self._files = FilesOut(OVERDUE_SIGNAL, self._queue.nudge)
        stacks = os.path.join(self._settings.run_directory, stacks_file(self._age))
        self._interrupts = Interrupts(stacks, self._on_poke)
        self._init_signals()
        log.error_log.info("Booting worker with pid: %s", os.getpid())
        exit_code = self._live(report_ready)
        self._interrupts.end()
        self._claim_no_more()
        self._say_farewell()
        return exit_code

    def _claim_no_more(self) -> None:
        """What a thread is still on stays noted, for the arbiter has it answered 502."""
        if self._worker.booted:
            for slot in self._slots:
                if not slot.is_busy():
                    slot.retiring()

    def _live(self, report_ready: Any) -> int:
        """Whatever comes out of a signal handler of the application, between two requests, ends the worker."""
        try:
            forking.accept_signals()
            exit_code = self._boot()
            if exit_code != 0:
                return exit_code
            report_ready(self._failure)
            if self._settings.multithread:
                self._serve_with_threads()
            else:
                self._serve(self._slots[0])
            # The rest of `graceful_timeout` is for the application's own farewell.
            self._files.close_all(self._settings.cfg.get("graceful_timeout", 0) / 2)
        except SystemExit as error:
            forking.leave_if_child(error)
            if not self._is_aborted:
                self._files.close_all(0)
            return forking.exit_code(error)
        except BaseException as error:  # noqa: BLE001 - also OSError: the application has closed the FIFO
            forking.leave_if_child(error)
            log.error_log.exception("Exception in worker process")
            return EXIT_FAILED
        return self._exit_code

    def _boot(self) -> int:
        try:
            self._call_hook("post_fork", self._server, self._worker)
            if self._application is None:
                self._application = load_application(self._settings.app_uri)
            self._worker.wsgi = self._worker.app.callable = self._application
            self._call_hook("post_worker_init", self._worker)
            self._worker.booted = True
            forking.leave_if_child()
        except Quit:
            raise
        except AppImportError as error:
            forking.leave_if_child(error)
            print(error, file=sys.stderr)
            sys.stderr.flush()
            log_likely_cause(error, self._settings.app_uri)
            if not self._stands_in(error):
                return EXIT_APP_NOT_FOUND
        except SystemExit as error:
            forking.leave_if_child(error)
            # An application that exits at import must not pass for a worker that was told to leave.
            log.error_log.exception(
                "Exception in worker process: the application called sys.exit(%r)", error.code
            )
            if not self._stands_in(error):
                return EXIT_BOOT_FAILED
        except BaseException as error:  # noqa: BLE001 - whatever an import can raise: it is the application's, and is shown
            forking.leave_if_child(error)
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
        """The last line of the log, and the last hook. Python's own end follows."""
        self._is_leaving = True
        log.error_log.info("Worker exiting (pid: %s)", os.getpid())
        self._worker.alive = False
        if self._request_hooks is None:
            self._worker.nr = sum(slot.served for slot in self._slots)
        try:
            self._call_hook("worker_exit", self._server, self._worker)
        except Exception as error:  # noqa: BLE001 - the worker leaves anyway; what the hook raises is told
            forking.leave_if_child(error)
            log.error_log.warning("Exception during worker exit:\n%s", traceback.format_exc())
        forking.leave_if_child()
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
        forking.on_fork(streams.let_go)
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
        forking.leave_if_child()
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
        read_end, write_end = map(forking.own, os.pipe())
        os.set_blocking(write_end, False)
        forking.wake_up(write_end)

        def wake() -> None:
            try:
                os.write(write_end, b"\0")
            except BlockingIOError:
                pass  # full, so the main thread is about to wake

        def serve(slot: Slot) -> None:
            try:
                self._serve(slot)
            except BaseException as error:
                forking.leave_if_child(error)
                raise
            finally:
                wake()

        def on_files_due() -> None:
            self._files_due = True
            wake()

        self._files.on_due = on_files_due
        threads = [threading.Thread(target=serve, args=(slot,), daemon=True) for slot in self._slots]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads, read_end)
        except Quit:
            self._end_claims(threads)
            raise
        except BaseException:
            # A handler of the application ends the worker, but not the requests of the others.
            self._join(threads)
            raise
        self._join(threads)

    def _join(self, threads: list[threading.Thread]) -> None:
        self._end_claims(threads)
        for thread in threads:
            thread.join()

    def _end_claims(self, threads: list[threading.Thread]) -> None:
        """Ends each wait for a ticket: the repeated `read` finds the queue non-blocking. Work goes on.
        Not by TERM, which the application may handle."""
        self._queue.retire()
        for thread in threads:
            if thread.ident is not None and thread.is_alive():
                signal.pthread_kill(thread.ident, OVERDUE_SIGNAL)

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
        forking.handle(signal.SIGTERM, self._on_term)
        forking.handle(signal.SIGUSR1, self._on_usr1)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGABRT):
            forking.handle(number, self._on_quit)
        # WINCH, which a terminal sends to the whole process group, is the arbiter's business, and ignored by default.
        forking.handle(signal.SIGUSR2, _ignore)
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGWINCH):
            signal.signal(number, signal.SIG_DFL)

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        """Without an order it goes on for now: a TERM to the whole process group stops the server, and requests wait.
        Else the arbiter has another take its place first."""
        if not self._retired_as_ordered():
            self._slots[0].ask_to_retire()

    def _on_poke(self) -> None:
        self._retired_as_ordered()
        self._files.on_signal()

    def _retired_as_ordered(self) -> bool:
        """The order to retire stands in the slot, whatever the application has made of TERM."""
        if not self._slots[0].is_ordered_to_retire():
            return False
        self._queue.retire()
        self._slots[0].retire_seen()
        return True

    def _on_quit(self, number: int, _frame: FrameType | None) -> None:
        if self._is_leaving:
            return
        self._is_leaving = True
        self._queue.retire()
        self._is_aborted = number == signal.SIGABRT
        exit_code = EXIT_FAILED if self._is_aborted else 0
        self._worker.alive = False
        try:
            self._call_hook("worker_abort" if self._is_aborted else "worker_int", self._worker)
        except Exception:  # noqa: BLE001 - the worker leaves anyway; what the hook raises is told
            log.error_log.exception("Exception in worker process")
            exit_code = EXIT_HOOK_FAILED
        raise Quit(exit_code)

    def _on_usr1(self, _signal: int, _frame: FrameType | None) -> None:
        log.reopen()


def _ignore(_signal: int, _frame: FrameType | None) -> None:
    """The arbiter's business. Not SIG_IGN, which programs that the application starts would inherit."""


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
        except (GatewayGone, GatewayUnreachable, RequestTimeout, Quit):
            raise
        except ClientGone:
            _log_left(environ)
            request.fail()
        except BaseException as error:  # noqa: BLE001 - also SystemExit: a view must not stop the server
            forking.leave_if_child(error)
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
