"""The channel between arbiter and zygote: one JSON object a line, over a socket the zygote inherits.

Orders (arbiter → zygote) are imperative, reports (zygote → arbiter) are past tense; src/arbiter/zygote-messages.ts
lists both.

Runs in: zygote.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# The descriptors the arbiter gives a zygote at its start.
CONTROL_DESCRIPTOR = 3
LIFELINE_DESCRIPTOR = 4

Message = dict[str, Any]

# Longer than any message: a line that has not ended by then is none of ours.
_MOST_BYTES = 16 * 1024 * 1024
_MAX_SHOWN_BYTES = 200


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
        if len(self._rest) > _MOST_BYTES:
            self._rest = b""
        messages = [_parse(line) for line in lines if line]
        return [message for message in messages if message is not None]


def _parse(line: bytes) -> Message | None:
    """None when the application wrote it: it has the descriptor too, by inheritance or by --preload."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if isinstance(message, dict) and isinstance(message.get("type"), str):
        return message
    print(f"Not a message of Tunicorn, ignored: {line[:_MAX_SHOWN_BYTES]!r}", file=sys.stderr, flush=True)
    return None


def send(descriptor: int, message: Message) -> None:
    """Writes one message; at most PIPE_BUF bytes, so that reports of several workers in one pipe do not mix.

    It begins a line of its own, also behind bytes that somebody else wrote without ending theirs."""
    data = memoryview(b"\n" + json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]
