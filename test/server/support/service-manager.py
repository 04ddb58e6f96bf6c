"""Plays the service manager: prints what is sent to the socket, with the pid of who sent it.

service-manager.py SOCKET
"""

import json
import socket
import struct
import sys

notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
notify.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, ancillary, _, _ = notify.recvmsg(4096, socket.CMSG_SPACE(12))
    pid = struct.unpack("iii", ancillary[0][2])[0]
    print(json.dumps({"pid": pid, "lines": data.decode().split("\n")}), flush=True)
