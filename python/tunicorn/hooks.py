"""What hooks of a configuration file are called with: `server`, `worker`, and their `cfg` and `log`.

They have Gunicorn's attributes that configurations use. They are views: to change one changes nothing in the server,
which lives in other processes. A process has its own copies, as forked from the zygote's.

Runs in: zygote, worker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import getLogger
from typing import Any

from . import forking, log
from .configuration import Configuration
from .settings import Settings

Hook = Callable[..., Any]


class HookFailed(Exception):
    """A hook of the master raised; the log has told. `name`: which one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _do_nothing(*_args: Any) -> None:
    """A hook that is not set."""


class Config:
    """All settings by their names, as `cfg`: what the file has set is the file's own object."""

    def __init__(self, values: dict[str, Any], configuration: Configuration) -> None:
        self._values = {**configuration.values, **values}

    def __getattr__(self, name: str) -> Any:
        try:
            value = self._values[name]
        except KeyError:
            raise AttributeError(f"No configuration setting for: {name}") from None
        return _do_nothing if value == {"$hook": None} else value


class Log:
    """Gunicorn's logger object: the methods of `gunicorn.error`, and both loggers."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.error_log = log.error_log
        self.access_log = getLogger("gunicorn.access")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.error_log, name)


class _Application:
    """`worker.app`: Gunicorn's application object."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.callable: Any = None

    def wsgi(self) -> Any:
        return self.callable


class _Heartbeat:
    """`worker.tmp`: there is no heartbeat file to be touched."""

    def notify(self) -> None:
        """Nothing to do: the arbiter sees on the scoreboard what a worker works on."""

    def close(self) -> None:
        """Nothing to do."""


@dataclass
class HookWorker:
    """A worker as hooks see it."""

    age: int
    ppid: int
    cfg: Config
    log: Log
    app: _Application
    timeout: float
    pid: int | str = "[booting]"
    nr: int = 0
    alive: bool = True
    booted: bool = False
    aborted: bool = False
    max_requests: int = sys.maxsize
    wsgi: Any = None
    reloader: Any = None
    sockets: list[Any] = field(default_factory=list)
    tmp: _Heartbeat = field(default_factory=_Heartbeat)

    def notify(self) -> None:
        self.tmp.notify()

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"


class Server:
    """The master as hooks see it, and the hooks themselves."""

    def __init__(self, settings: Settings, configuration: Configuration) -> None:
        self.cfg = Config(settings.cfg, configuration)
        self.log = Log(self.cfg)
        self.app = _Application(self.cfg)
        self.pid = os.getppid()
        self.master_pid = 0
        self.master_name = "Master"
        self.proc_name = settings.cfg.get("proc_name")
        self.timeout = settings.cfg.get("timeout")
        self.address = settings.cfg.get("address")
        self.num_workers: int = settings.workers
        self.worker_age = 0
        self.LISTENERS: list[str] = list(settings.listeners)
        self.WORKERS: dict[int, HookWorker] = {}
        self._hooks = configuration.hooks

    def hook(self, name: str) -> Hook | None:
        return self._hooks.get(name)

    def call(self, name: str, *args: Any) -> None:
        """Calls a hook of the master, if there is one. Raises HookFailed."""
        hook = self._hooks.get(name)
        if hook is None:
            return
        try:
            hook(self, *args)
            forking.leave_if_child()
        except Exception as error:  # noqa: BLE001 - the configuration's own code; the arbiter decides what follows
            forking.leave_if_child(error)
            log.error_log.exception("Unhandled exception in the hook %s", name)
            raise HookFailed(name) from None

    def new_worker(self, age: int) -> HookWorker:
        """As it is before it is forked."""
        self.worker_age = age
        timeout = (self.timeout or 0) / 2
        return HookWorker(age, self.pid, self.cfg, self.log, self.app, timeout)
