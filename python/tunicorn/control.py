"""The channel between arbiter and zygote: one JSON object a line, over a socket the zygote inherits.

Orders (arbiter → zygote) are imperative, reports (zygote → arbiter) are past tense; src/arbiter/zygote-messages.ts
lists both.

Runs in: zygote.
"""

from __future__ import annotations

import json
import os
from typing import Any

# The descriptors the arbiter gives a zygote at its start.
CONTROL_DESCRIPTOR = 3
LIFELINE_DESCRIPTOR = 4

Message = dict[str, Any]


class LineReader:
    """Cuts what a descriptor delivers into messages. Non-blocking and blocking descriptors alike."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.closed = False
        self._rest = b""

    def read(self) -> list[Message]:
        """The messages that are complete now. Sets `closed` at end of file."""
        try:
            data = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]


def send(descriptor: int, message: Message) -> None:
    """Writes one message; at most PIPE_BUF bytes, so that reports of several workers in one pipe do not mix."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]
