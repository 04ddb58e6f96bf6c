"""The reply stream of one worker thread to one gateway: frames of PROTOCOL.md §5.

Writes block: that is the back-pressure when a gateway has taken over as much as it may. The thread's slot says so
meanwhile, because no deadline of a request may run out while a slow client is waited for.

Around each item of a streamed body the slot is looked at for a client that has left (docs/decisions/0026).

A stream may end although both processes live: the gateway had no descriptor left for it, or the application has closed
it. So the frame that begins a reply is sent once more on another stream. One that has begun is lost, and the gateway
cuts the client off.

Runs in: worker.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from . import forking
from .file_wrapper import FilePart
from .files_out import Closable, FilesOut
from .layout import (
    FILE_ANSWER,
    FILE_COPY_BYTES,
    FILE_INFO,
    FILE_KEPT,
    FILE_REFUSED,
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
from .scoreboard import Slot

# Up to this size one copy into one buffer is cheaper than a vectored write.
_JOIN_BYTES = 65536

# A client that has ended its side has most likely gone. What it is sent is answered by a reset then, which comes at
# once from a client nearby: so much is waited for it, s, after each of the first items. A client that still reads gets
# everything, a little later.
_VERDICT_SECONDS = 0.1
_VERDICT_PAUSE = 0.005
_FIRST_PAUSE = 0.001
_VERDICT_ITEMS = 3

# For the answer to a file on a stream of its own, s.
_ANSWER_SECONDS = 2.0
# How long a worker tries to reach a gateway that is there, and how often.
_CONNECT_SECONDS = 1.0
_CONNECT_PAUSE_SECONDS = 0.05

# The number of our descriptor is somebody else's now, or nobody's.
_NOT_OURS = (errno.EBADF, errno.ENOTSOCK)


class GatewayGone(Exception):
    """The gateway of this request has died, and the client's connection with it: nobody waits for the reply."""


class ClientGone(BrokenPipeError):
    """The client of this response has left. What calls `write()` sees what it would see with a socket."""


class GatewayUnreachable(Exception):
    """The gateway lives, and this process cannot connect to it: it has no descriptor left, most likely."""


class ReplyStream:
    """A connected stream. Any failure to write raises GatewayGone, once and for all."""

    # How long it is tried to reach the gateway, s.
    _connect_seconds = _CONNECT_SECONDS

    def __init__(
        self, run_directory: str, gateway: int, age: int, slot: Slot, files: FilesOut | None = None
    ) -> None:
        """`files`: where files are kept that the gateway reads; without it, each is sent from here."""
        self._run_directory = run_directory
        self._gateway = gateway
        self._age = age
        self._slot = slot
        self._files = files
        # The last request whose client had ended its side, and after how many more items its verdict is waited for.
        self._ended = 0
        self._verdicts = 0
        # The key of the ticket in work, and when it was claimed, ms: every frame says both.
        self.key = 0
        self.claimed = 0.0
        self._connect()

    def _connect(self) -> None:
        if forking.is_child():
            raise GatewayGone  # the reply is its parent's
        path = os.path.join(self._run_directory, replies_file(self._gateway))
        self._socket = _connected(path, self._connect_seconds)
        # The gateway compares what HELLO says with the slot.
        self._slot.identify()
        self._write(
            FRAME_HEADER.pack(
                0, FRAME_HELLO, 0, PROTOCOL_VERSION, self._age, 0, self._slot.number, os.getpid(), 0
            )
        )

    def _begin(self, frame: bytes, body: bytes = b"") -> None:
        """Sends the frame that begins a reply, if need be on another stream."""
        try:
            self._write(frame, body)
        except GatewayGone:
            self.close()
            self._connect()
            self._write(frame, body)

    def whole(self, ticket: int, head: ResponseHead, body: bytes) -> None:
        """Head and complete body: the usual reply, one system call."""
        self._write_headed(FRAME_WHOLE, ticket, head, body)

    def head(self, ticket: int, head: ResponseHead, first: bytes) -> None:
        """Raises ClientGone, and so does `body`."""
        self.look_for_client(ticket)
        self._slot.waits()
        self._write_headed(FRAME_HEAD, ticket, head, first)
        self._item_sent(ticket)

    def body(self, ticket: int, data: bytes) -> None:
        self.look_for_client(ticket)
        self._slot.waits()
        self._write(
            FRAME_HEADER.pack(len(data), FRAME_BODY, 0, 0, ticket, self.key, 0, -1, self.claimed), data
        )
        self._item_sent(ticket)

    def look_for_client(self, ticket: int) -> None:
        """Raises ClientGone."""
        if self._slot.client_has_left(self._gateway, ticket):
            raise ClientGone

    def _item_sent(self, ticket: int) -> None:
        slot = self._slot
        slot.moves_on()
        if slot.client_has_left(self._gateway, ticket):
            raise ClientGone
        if slot.client_has_ended(self._gateway, ticket):
            self._await_verdict(ticket)

    def _await_verdict(self, ticket: int) -> None:
        """Whether a client that sends no more still takes what it is sent. Raises ClientGone."""
        if self._ended != ticket:
            self._ended, self._verdicts = ticket, _VERDICT_ITEMS
        if self._verdicts == 0:
            return
        self._verdicts -= 1
        waited = 0.0
        while waited < _VERDICT_SECONDS:
            pause = _VERDICT_PAUSE if waited else _FIRST_PAUSE
            time.sleep(pause)
            waited += pause
            self.look_for_client(ticket)

    def end(self, ticket: int) -> None:
        self._slot.waits()  # perhaps behind what a slow client has not taken yet
        self._write(FRAME_HEADER.pack(0, FRAME_END, 0, 0, ticket, self.key, 0, -1, self.claimed))
        self._slot.moves_on()

    def answer_probe(self, ticket: int) -> None:
        """The ticket was no request: an END without a head."""
        self._begin(FRAME_HEADER.pack(0, FRAME_END, 0, 0, ticket, self.key, 0, -1, self.claimed))

    def fail(self, ticket: int) -> None:
        self._begin(FRAME_HEADER.pack(0, FRAME_FAIL, 0, 0, ticket, self.key, 0, -1, self.claimed))

    def early_hints(self, ticket: int, lines: bytes) -> None:
        self._begin(
            FRAME_HEADER.pack(
                len(lines), FRAME_EARLY_HINTS, 0, 103, ticket, self.key, len(lines), -1, self.claimed
            )
            + lines
        )

    def hand_over(self, ticket: int, head: ResponseHead, part: FilePart, wrapper: Closable) -> int:
        """Offers a file as the body. After FILE_COPIED and FILE_KEPT the reply is over; with FILE_KEPT the wrapper is
        closed when the gateway has read the last byte (files_out.py)."""
        if part.length <= FILE_COPY_BYTES:
            answer = self.file(ticket, head, part)
            if answer != FILE_REFUSED:
                self.end(ticket)
            return answer
        if self._files is None or not self._files.has_room:
            return FILE_REFUSED
        try:
            own = FileStream(self._run_directory, self._gateway, self._age, self._slot)
        except (GatewayGone, GatewayUnreachable):
            return FILE_REFUSED  # no descriptor is left here; or the gateway is gone, as this stream will say
        own.key, own.claimed = self.key, self.claimed
        answer = own.offer(ticket, head, part)
        if answer == FILE_KEPT:
            self._files.keep(own.release(), wrapper)
        else:
            own.close()
        return answer

    def offer(self, ticket: int, head: ResponseHead, part: FilePart) -> int:
        """As `file`, on a stream for nothing else. A gateway without a descriptor to accept it is not waited for."""
        self._socket.settimeout(_ANSWER_SECONDS)
        try:
            answer = self.file(ticket, head, part)
            if answer != FILE_REFUSED:
                self.end(ticket)
        except GatewayGone:
            return FILE_REFUSED  # when it is gone, the thread's own stream says so
        return answer

    def file(self, ticket: int, head: ResponseHead, part: FilePart) -> int:
        """Offers a file on this stream. Returns the answer (PROTOCOL.md §5); if it is no refusal, `end` must follow."""
        info = FILE_INFO.pack(part.device, part.inode, part.offset, part.length, len(head.block))
        payload = info + head.block + part.path
        size = len(payload)
        self._begin(
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
            answered, answer = FILE_ANSWER.unpack(self._read(FILE_ANSWER.size))
            if answered == ticket:
                return int(answer)

    def _read(self, size: int) -> bytes:
        try:
            data = self._socket.recv(size, socket.MSG_WAITALL)
        except OSError as error:
            raise GatewayGone from error
        if len(data) < size:
            raise GatewayGone
        return data

    def release(self) -> socket.socket:
        """The connection, for who takes the stream over."""
        return self._socket

    def close(self) -> None:
        try:
            self._socket.getsockname()
        except OSError as error:
            if error.errno in _NOT_OURS:
                self._socket.detach()
                return
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
        self._begin(header + block, body)

    def _write(self, header: bytes, data: bytes = b"") -> None:
        try:
            if len(data) <= _JOIN_BYTES:
                self._socket.sendall(header + data)
                return
            self._slot.waits()
            sent = self._socket.sendmsg([header, data])
            if sent < len(header):
                self._socket.sendall(header[sent:])
                sent = len(header)
            if sent < len(header) + len(data):
                self._socket.sendall(memoryview(data)[sent - len(header) :])
            self._slot.moves_on()
        except OSError as error:
            self._slot.moves_on()
            raise GatewayGone from error
        except BaseException:
            self._slot.moves_on()
            # RequestTimeout in the middle of a frame: whatever came next would be taken for the rest of it.
            self._socket.close()
            raise


class FileStream(ReplyStream):
    """The stream of one large file: nothing is begun on it a second time, and nothing waited for."""

    _connect_seconds = 0.0

    def _begin(self, frame: bytes, body: bytes = b"") -> None:
        self._write(frame, body)


def _connected(path: str, seconds: float) -> socket.socket:
    """Raises GatewayGone when nobody listens there any more, GatewayUnreachable when this process is the obstacle."""
    deadline = time.monotonic() + seconds
    while True:
        stream, error = _try_to_connect(path)
        if stream is not None:
            return stream
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            raise GatewayGone from error
        if time.monotonic() > deadline:
            raise GatewayUnreachable(str(error)) from error
        time.sleep(_CONNECT_PAUSE_SECONDS)


def _try_to_connect(path: str) -> tuple[socket.socket | None, OSError | None]:
    try:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        return None, error
    # Another thread may fork while this one waits for the gateway.
    forking.own(stream.fileno())
    try:
        stream.connect(path)
    except OSError as error:
        stream.close()
        return None, error
    except BaseException:
        stream.close()
        raise
    return stream, None


class ReplyStreams:
    """One thread's streams, one a gateway, each connected at the first ticket from there."""

    def __init__(self, run_directory: str, age: int, slot: Slot, files: FilesOut | None = None) -> None:
        self._run_directory = run_directory
        self._age = age
        self._slot = slot
        self._files = files
        self._streams: dict[int, ReplyStream] = {}
        # The key of the ticket in work, and when it was claimed, ms.
        self.key = 0
        self.claimed = 0.0

    def to(self, gateway: int) -> ReplyStream:
        """Raises GatewayGone and GatewayUnreachable."""
        stream = self._streams.get(gateway)
        if stream is None:
            self._close_gone()
            stream = ReplyStream(self._run_directory, gateway, self._age, self._slot, self._files)
            self._streams[gateway] = stream
        stream.key = self.key
        stream.claimed = self.claimed
        return stream

    def _close_gone(self) -> None:
        """A new gateway may be there because another is gone."""
        for gateway in list(self._streams):
            if not os.path.exists(os.path.join(self._run_directory, replies_file(gateway))):
                self.drop(gateway)

    def let_go(self) -> None:
        """In a child of the application: whatever it writes raises GatewayGone."""
        for stream in self._streams.values():
            stream.close()

    def drop(self, gateway: int) -> None:
        stream = self._streams.pop(gateway, None)
        if stream is not None:
            stream.close()
