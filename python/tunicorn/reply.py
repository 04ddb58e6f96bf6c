"""The reply stream of one worker thread to one gateway: frames of PROTOCOL.md §5.

Writes block: that is the back-pressure when a gateway has taken over as much as it may.

Runs in: worker.
"""

from __future__ import annotations

import os
import socket

from .file_wrapper import FilePart
from .layout import (
    FILE_ANSWER,
    FILE_INFO,
    FRAME_BODY,
    FRAME_EARLY_HINTS,
    FRAME_END,
    FRAME_FAIL,
    FRAME_FILE,
    FRAME_HEAD,
    FRAME_HEADER,
    FRAME_HELLO,
    FRAME_WHOLE,
    PROTOCOL_VERSION,
    replies_file,
)
from .response_head import ResponseHead

# Up to this size one copy into one buffer is cheaper than a vectored write.
_JOIN_BYTES = 65536


class GatewayGone(Exception):
    """The gateway of this request has died, and the client's connection with it: nobody waits for the reply."""


class ReplyStream:
    """A connected stream. Any failure to write raises GatewayGone, once and for all."""

    def __init__(self, run_directory: str, gateway: int, age: int, slot: int) -> None:
        # The key of the ticket in work, and when it was claimed, ms: every frame says both.
        self.key = 0
        self.claimed = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(os.path.join(run_directory, replies_file(gateway)))
        except OSError as error:
            self._socket.close()
            raise GatewayGone from error
        self._write(FRAME_HEADER.pack(0, FRAME_HELLO, 0, PROTOCOL_VERSION, age, 0, slot, os.getpid(), 0))

    def whole(self, ticket: int, head: ResponseHead, body: bytes) -> None:
        """Head and complete body: the usual reply, one system call."""
        self._write_headed(FRAME_WHOLE, ticket, head, body)

    def head(self, ticket: int, head: ResponseHead, first: bytes) -> None:
        self._write_headed(FRAME_HEAD, ticket, head, first)

    def body(self, ticket: int, data: bytes) -> None:
        self._write(
            FRAME_HEADER.pack(len(data), FRAME_BODY, 0, 0, ticket, self.key, 0, -1, self.claimed), data
        )

    def end(self, ticket: int) -> None:
        self._write(FRAME_HEADER.pack(0, FRAME_END, 0, 0, ticket, self.key, 0, -1, self.claimed))

    def fail(self, ticket: int) -> None:
        self._write(FRAME_HEADER.pack(0, FRAME_FAIL, 0, 0, ticket, self.key, 0, -1, self.claimed))

    def early_hints(self, ticket: int, lines: bytes) -> None:
        self._write(
            FRAME_HEADER.pack(
                len(lines), FRAME_EARLY_HINTS, 0, 103, ticket, self.key, len(lines), -1, self.claimed
            )
            + lines
        )

    def file(self, ticket: int, head: ResponseHead, part: FilePart) -> bool:
        """Offers a file as the body. Returns whether the gateway sends it; then `end` is all that is left to do."""
        info = FILE_INFO.pack(part.device, part.inode, part.offset, part.length, len(head.block))
        payload = info + head.block + part.path
        size = len(payload)
        self._write(
            FRAME_HEADER.pack(
                size,
                FRAME_FILE,
                head.flags,
                head.status_code,
                ticket,
                self.key,
                size,
                head.content_length,
                self.claimed,
            ),
            payload,
        )
        while True:
            answered, is_taken = FILE_ANSWER.unpack(self._read(FILE_ANSWER.size))
            if answered == ticket:
                return bool(is_taken)

    def _read(self, size: int) -> bytes:
        try:
            data = self._socket.recv(size, socket.MSG_WAITALL)
        except OSError as error:
            raise GatewayGone from error
        if len(data) < size:
            raise GatewayGone
        return data

    def close(self) -> None:
        self._socket.close()

    def _write_headed(self, kind: int, ticket: int, head: ResponseHead, body: bytes) -> None:
        block = head.block
        header = FRAME_HEADER.pack(
            len(block) + len(body),
            kind,
            head.flags,
            head.status_code,
            ticket,
            self.key,
            len(block),
            head.content_length,
            self.claimed,
        )
        self._write(header + block, body)

    def _write(self, header: bytes, data: bytes = b"") -> None:
        try:
            if len(data) <= _JOIN_BYTES:
                self._socket.sendall(header + data)
                return
            sent = self._socket.sendmsg([header, data])
            if sent < len(header):
                self._socket.sendall(header[sent:])
                sent = len(header)
            if sent < len(header) + len(data):
                self._socket.sendall(memoryview(data)[sent - len(header) :])
        except OSError as error:
            raise GatewayGone from error
        except BaseException:
            # RequestTimeout in the middle of a frame: whatever came next would be taken for the rest of it.
            self._socket.close()
            raise


class ReplyStreams:
    """One thread's streams, one a gateway, each connected at the first ticket from there."""

    def __init__(self, run_directory: str, age: int, slot: int) -> None:
        self._run_directory = run_directory
        self._age = age
        self._slot = slot
        self._streams: dict[int, ReplyStream] = {}
        # The key of the ticket in work, and when it was claimed, ms.
        self.key = 0
        self.claimed = 0.0

    def to(self, gateway: int) -> ReplyStream:
        """Raises GatewayGone."""
        stream = self._streams.get(gateway)
        if stream is None:
            self._close_gone()
            stream = ReplyStream(self._run_directory, gateway, self._age, self._slot)
            self._streams[gateway] = stream
        stream.key = self.key
        stream.claimed = self.claimed
        return stream

    def _close_gone(self) -> None:
        """A new gateway may be there because another is gone."""
        for gateway in list(self._streams):
            if not os.path.exists(os.path.join(self._run_directory, replies_file(gateway))):
                self.drop(gateway)

    def drop(self, gateway: int) -> None:
        stream = self._streams.pop(gateway, None)
        if stream is not None:
            stream.close()
