# Connects the service manager's socket, and becomes the program given by the arguments again, in the same process:
# src/systemd/notify.ts says why. Executed as a file, by an interpreter without site-packages.
#
# Runs in: the process that becomes the arbiter.
import os
import socket
import sys

connected = ""
try:
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = os.environ["NOTIFY_SOCKET"]
    notify.connect("\0" + address[1:] if address.startswith("@") else address)
    notify.set_inheritable(True)
    connected = str(notify.fileno())
except OSError as error:
    print(f"Warning: NOTIFY_SOCKET cannot be used: {error}", file=sys.stderr, flush=True)
# Set in any case, so that it is tried once only.
os.environ["TUNICORN_NOTIFY_FD"] = connected
os.execv(sys.argv[1], sys.argv[1:])
