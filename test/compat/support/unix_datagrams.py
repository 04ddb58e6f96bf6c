"""Receives at the Unix datagram socket of the first argument, and prints each datagram as a line of JSON.

Says `null` first, once the socket is there. Leaves when standard input ends, so it does not outlive its test.

Runs in: a process of the tests. Node has no datagram sockets of the Unix kind.
"""

from __future__ import annotations

import json
import select
import socket
import sys


def main() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(sys.argv[1])
        print("null", flush=True)
        while True:
            readable, _, _ = select.select([receiver, sys.stdin], [], [])
            if receiver in readable:
                print(json.dumps(receiver.recv(65536).decode()), flush=True)
            elif not sys.stdin.buffer.read(1):
                return


main()
