"""What a forked child has: each test is a program of its own, since the hook stays for the life of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PYTHON_DIRECTORY = str(Path(__file__).parents[2] / "python")

PRELUDE = """
import os, signal, sys, threading, time
from tunicorn import forking
forking.watch()

def end_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def in_child(look):
    '''What `look` returns in a child, as text.'''
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, str(look()).encode())
        os._exit(0)
    os.close(write)
    assert end_of(pid) == 0
    return os.read(read, 1000).decode()

def ours(*_):
    print('handled', flush=True)
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program],
        env={"PYTHONPATH": PYTHON_DIRECTORY},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_owned_descriptors_are_closed_in_a_child_alone() -> None:
    printed = run("""
read, write = map(forking.own, os.pipe())
print(in_child(lambda: [os.path.lexists(f'/proc/self/fd/{fd}') for fd in (read, write)]))
os.write(write, b'x')
print(os.read(read, 1), os.get_inheritable(read))
""")
    assert printed == "[False, False]\nb'x' False\n"


def test_a_descriptor_that_is_the_applications_by_now_stays() -> None:
    printed = run("""
read, write = os.pipe()
forking.own(read)
other, _ = os.pipe()
os.dup2(other, read)
print(in_child(lambda: os.fstat(read) == os.fstat(other)))
""")
    assert printed == "True\n"


def test_our_handlers_and_wakeup_descriptor_are_undone_in_a_child_and_the_applications_stay() -> None:
    printed = run("""
forking.handle(signal.SIGTERM, ours)
forking.handle(signal.SIGUSR1, ours)
signal.signal(signal.SIGUSR1, print)
read, write = os.pipe()
os.set_blocking(write, False)
forking.wake_up(write)
print(in_child(lambda: [
    signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    signal.getsignal(signal.SIGUSR1) == print,
    signal.set_wakeup_fd(-1),
    signal.pthread_sigmask(signal.SIG_BLOCK, []),
]))
print(signal.getsignal(signal.SIGTERM) == ours, signal.pthread_sigmask(signal.SIG_BLOCK, []))
""")
    assert printed == "[True, True, -1, set()]\nTrue set()\n"


def test_a_signal_to_a_process_of_ours_waits_for_its_handler() -> None:
    printed = run("""
forking.handle(signal.SIGTERM, lambda *_: print('lost'))
pid = forking.fork()
if pid == 0:
    time.sleep(0.1)
    forking.handle(signal.SIGTERM, ours)
    forking.accept_signals()
    os._exit(0 if not forking.is_child() else 9)
os.kill(pid, signal.SIGTERM)
print(end_of(pid))
""")
    assert printed == "handled\n0\n"


@pytest.mark.parametrize("thread", [False, True])
@pytest.mark.parametrize(
    ("end", "code"), [("None", 0), ("SystemExit()", 0), ("SystemExit(7)", 7), ("ValueError('x')", 1)]
)
def test_a_child_whose_code_is_done_leaves_as_a_program_does(thread: bool, end: str, code: int) -> None:
    printed = run(f"""
import atexit
def fork():
    pid = os.fork()
    if pid == 0:
        atexit.register(print, 'goodbye')
        forking.leave_if_child({end})
    print(end_of(pid))
forking.leave_if_child({end})
if {thread}:
    started = threading.Thread(target=fork)
    started.start()
    started.join()
else:
    fork()
""")
    assert printed == f"goodbye\n{code}\n"


def test_what_is_to_be_let_go_of_is_so_in_the_child_alone() -> None:
    printed = run("""
released = []
forking.on_fork(lambda: released.append('released'))
print(in_child(lambda: released), released)
""")
    assert printed == "['released'] []\n"


def test_a_child_does_not_hold_the_stream_that_another_thread_is_connecting(tmp_path: Path) -> None:
    printed = run(f"""
import socket
from tunicorn.reply import _connected
path = {str(tmp_path / "replies")!r}
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(0)
first = socket.socket(socket.AF_UNIX)
first.connect(path)  # the next one waits

def sockets():
    fds = os.listdir('/proc/self/fd')
    return sum(os.path.islink(at := f'/proc/self/fd/{{fd}}') and os.readlink(at).startswith('socket:') for fd in fds)

streams = []
thread = threading.Thread(target=lambda: streams.append(_connected(path, 10)))
thread.start()
ends = time.monotonic() + 20
while not forking._descriptors and time.monotonic() < ends:
    time.sleep(0.01)
print(sockets(), in_child(sockets))
listener.accept()
thread.join()
print(len(streams))
""")
    assert printed == "3 2\n1\n"


def test_an_order_that_comes_while_python_ends_does_not_kill() -> None:
    printed = run(
        """
import atexit

class Last:
    '''Is deleted when handlers are the system's again.'''
    def __del__(self, kill=os.kill, pid=os.getpid(), write=os.write, numbers=orders):
        for number in numbers:
            kill(pid, number)
        write(1, b'lives')

for number in orders:
    forking.handle(number, ours)
atexit.register(os.kill, os.getpid(), signal.SIGUSR1)
last = Last()
""".replace("orders", "(signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM)")
    )
    # The application's atexit still finds the handler.
    assert printed == "handled\nlives"
