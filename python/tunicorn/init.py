# The first process of a container: starts the program given by the arguments, passes signals on to it, reaps whatever
# is orphaned in the container, and leaves when that program does, as it did. The kernel then ends what is left.
# src/init.ts says why. Executed as a file, by an interpreter without site-packages.
#
# Runs in: process 1.
from __future__ import annotations

import os
import signal
import sys


def start(words: list[str], mask: set[int]) -> int:
    pid = os.fork()
    if pid == 0:
        # A group of its own, in the foreground: what a terminal sends reaches the program once.
        os.setpgid(0, 0)
        if os.isatty(0):
            try:
                os.tcsetpgrp(0, os.getpid())
            except OSError:
                pass  # another session's terminal
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execv(words[0], words)
    return pid


def reap(program: int) -> int | None:
    """Everything that has ended; the status of the program, if that is among it."""
    ended = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid == program:
            ended = status


def main(words: list[str]) -> int:
    everything = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    program = start(words, mask)
    while True:
        number = signal.sigwait(everything)
        if number == signal.SIGCHLD:
            status = reap(program)
            if status is not None:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        else:
            os.kill(program, number)


sys.exit(main(sys.argv[1:]))
