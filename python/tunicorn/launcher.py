# Becomes a gateway: ties this process to the arbiter's life, then executes Node in its place. What lifeline.py does for
# Python processes is done here before Node runs, because Node has no fcntl; descriptor and setting survive execve. So a
# gateway that is stopped, or in an endless loop, goes with the arbiter too (docs/decisions/0019-hanging-gateways.md).
#
# `python -I -S launcher.py DESCRIPTOR PROGRAM ARGUMENT…`. It imports modules written in C only: the whole detour takes
# 7 ms, and would take 12 with `signal`.
#
# Runs in: gateway, before it is one.
import fcntl
import posix
import select
import sys

_SIGKILL = 9

descriptor = int(sys.argv[1])
# Elsewhere than on Linux a gateway that runs leaves when its channel closes, and one that hangs stays.
set_signal = getattr(fcntl, "F_SETSIG", None)
if set_signal is not None:
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, posix.getpid())
    fcntl.fcntl(descriptor, set_signal, _SIGKILL)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | fcntl.FASYNC)
if select.select([descriptor], [], [], 0)[0]:
    sys.exit(1)  # the arbiter died before it was watched
posix.execv(sys.argv[2], sys.argv[2:])
