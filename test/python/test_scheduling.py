"""The policy that the kernel schedules a process by."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tunicorn.scheduling import run_as_batch


@pytest.fixture
def pid() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        # Whatever the tests themselves were started with.
        os.sched_setscheduler(process.pid, os.SCHED_OTHER, os.sched_param(0))
        yield process.pid
        process.kill()


def test_makes_that_process_a_batch_process(pid: int) -> None:
    own = os.sched_getscheduler(0)
    run_as_batch(pid)
    assert os.sched_getscheduler(pid) == os.SCHED_BATCH
    assert os.sched_getscheduler(0) == own


def test_leaves_a_policy_that_somebody_has_chosen(pid: int) -> None:
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    run_as_batch(pid)
    assert os.sched_getscheduler(pid) == os.SCHED_IDLE


def test_a_process_that_is_gone() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    run_as_batch(process.pid)


def test_a_system_that_forbids_it(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    run_as_batch(pid)
    assert os.sched_getscheduler(pid) == os.SCHED_OTHER
