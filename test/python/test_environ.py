"""The part of the environ that is a worker's own."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from tunicorn.environ import base_environ
from tunicorn.file_wrapper import FileWrapper
from tunicorn.log import ErrorStream
from tunicorn.settings import Settings

MESSAGE: dict[str, Any] = {
    "run_directory": "/run",
    "generation": 1,
    "app_uri": "app:app",
    "launch_directory": "/",
    "chdir": "/",
    "pythonpath": [],
    "environment": {},
    "workers": 1,
    "threads": 1,
    "multithread": False,
    "preload_app": False,
    "reload": False,
    "log": {},
    "server_software": "tunicorn/1",
    "uid": os.geteuid(),
    "gid": os.getegid(),
    "initgroups": False,
    "process_name": "test",
    "cfg": {},
    "listeners": [],
    "occasion": "start",
    "old_workers": None,
}


def test_it_has_gunicorns_constant_keys() -> None:
    environ = base_environ(Settings.from_message(MESSAGE))
    assert isinstance(environ.pop("wsgi.errors"), ErrorStream)
    assert environ == {
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "tunicorn/1",
    }


def test_it_says_what_else_may_call_the_application() -> None:
    settings = Settings.from_message(MESSAGE)
    assert base_environ(replace(settings, workers=2))["wsgi.multiprocess"] is True
    assert base_environ(replace(settings, multithread=True))["wsgi.multithread"] is True


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'new'"):
        Settings.from_message({**MESSAGE, "new": 1})
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'chdir'"):
        Settings.from_message({name: value for name, value in MESSAGE.items() if name != "chdir"})
