"""A child that dies with its parent: real processes, in the states in which nothing but the kernel can end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
from tunicorn.lifeline import die_with_parent
die_with_parent(int(sys.argv[2]))
os.write(1, b"watched")
{work}
"""

WORK = {
    "a busy loop": "while True: pass",
    "one call into C": "sum(range(10**12))",
    "a wait for something else": "os.read(0, 1)",
    "a wait with all signals blocked": (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); os.read(0, 1)"
    ),
    "signals that are all handled or ignored": """
import signal
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
while True: pass
""",
}


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """A child that lives on must fail the test, not hang it."""

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def started(work: str, lifeline: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process, and the children it may fork, none of which outlives the test."""
    package = os.path.join(os.path.dirname(__file__), "..", "..", "python")
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work), package, str(lifeline)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[lifeline],
        start_new_session=True,
    )
    with child:
        try:
            yield child
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise


@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_a_child_dies_when_the_parents_end_is_closed(work: str) -> None:
    read_end, write_end = os.pipe()
    with started(work, read_end) as child:
        os.close(read_end)
        assert child.stdout is not None
        assert child.stdout.read(len(b"watched")) == b"watched"
        assert child.poll() is None
        os.close(write_end)
        assert child.wait() == -signal.SIGKILL


def test_a_child_dies_when_the_parent_is_gone_already() -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    with started("os.read(0, 1)", read_end) as child:
        os.close(read_end)
        assert child.stdout is not None
        assert child.stdout.read() == b""
        assert child.wait() == 1


def test_a_forked_child_dies_when_its_parent_is_killed() -> None:
    """As a worker with its zygote: the only other end of the pipe is the parent's."""
    program = """
read_end, write_end = os.pipe()
if os.fork() == 0:
    os.close(write_end)
    die_with_parent(read_end)
    os.write(1, b"%d\\n" % os.getpid())
    while True: pass
os.close(read_end)
os.read(0, 1)
"""
    read_end, write_end = os.pipe()
    with started(program, read_end) as parent:
        os.close(read_end)
        assert parent.stdout is not None
        assert parent.stdout.read(len(b"watched")) == b"watched"
        assert int(parent.stdout.readline()) > 0
        parent.kill()
        # The child has stdout too: its end is the end of both.
        assert parent.stdout.read() == b""
    os.close(write_end)
