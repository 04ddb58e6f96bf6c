"""Frames on a real socket."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tunicorn.file_wrapper import FilePart, FileWrapper
from tunicorn.files_out import FilesOut
from tunicorn.layout import (
    FILE_ANSWER,
    FILE_COPIED,
    FILE_COPY_BYTES,
    FILE_INFO,
    FILE_KEPT,
    FILE_REFUSED,
    FRAME_BODY,
    FRAME_END,
    FRAME_FAIL,
    FRAME_FILE,
    FRAME_HEAD,
    FRAME_HEADER,
    FRAME_HELLO,
    FRAME_WHOLE,
    PROTOCOL_VERSION,
    SCOREBOARD_HEADER_BYTES,
    SLOT_BYTES,
    SLOT_ENDED_GATEWAY_U32,
    SLOT_LEFT_GATEWAY_U32,
    SLOT_PROGRESS_F64,
    replies_file,
)
from tunicorn.reply import ClientGone, GatewayGone, GatewayUnreachable, ReplyStream, ReplyStreams
from tunicorn.response_head import ResponseHead
from tunicorn.scoreboard import Slot

GATEWAY = 3
AGE = 5
SLOT = 8
BOARD = bytearray(SCOREBOARD_HEADER_BYTES + (SLOT + 1) * SLOT_BYTES)
TICKET = 7
HELLO = (FRAME_HELLO, AGE, b"")
HEAD = ResponseHead("200 OK", [("X-A", "b")])
BLOCK = b"200 OK\r\nX-A: b\r\n"


@dataclass
class Gateway:
    """The other end: a listening socket, and what it reads."""

    directory: Path
    listener: socket.socket

    def accept(self) -> socket.socket:
        return self.listener.accept()[0]

    def stream(self) -> tuple[ReplyStream, socket.socket]:
        stream = ReplyStream(str(self.directory), GATEWAY, AGE, Slot(BOARD, SLOT))
        accepted = self.accept()
        assert read_frame(accepted) == HELLO
        return stream, accepted


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / replies_file(GATEWAY)))
        listener.listen()
        yield Gateway(tmp_path, listener)


def read_exactly(accepted: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = accepted.recv(min(65536, length - len(data)))
        assert chunk, "the stream ended in the middle of a frame"
        data += chunk
    return data


def read_frame(accepted: socket.socket) -> tuple[int, int, bytes]:
    """Kind, ticket (in HELLO: the age) and payload."""
    header = FRAME_HEADER.unpack(read_exactly(accepted, FRAME_HEADER.size))
    return header[1], header[4], read_exactly(accepted, header[0])


def test_hello_says_who_the_thread_is(gateway: Gateway) -> None:
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, Slot(BOARD, SLOT))
    with gateway.accept() as accepted:
        assert FRAME_HEADER.unpack(accepted.recv(FRAME_HEADER.size)) == (
            0,
            FRAME_HELLO,
            0,
            PROTOCOL_VERSION,
            AGE,
            0,
            SLOT,
            os.getpid(),
            0,
        )
    stream.close()


def test_frames_come_in_the_order_in_which_they_were_sent(gateway: Gateway) -> None:
    stream, accepted = gateway.stream()
    stream.head(TICKET, HEAD, b"first")
    stream.body(TICKET, b"second")
    stream.end(TICKET)
    stream.whole(TICKET + 1, HEAD, b"all")
    stream.fail(TICKET + 2)
    stream.close()
    with accepted:
        assert [read_frame(accepted) for _ in range(5)] == [
            (FRAME_HEAD, TICKET, BLOCK + b"first"),
            (FRAME_BODY, TICKET, b"second"),
            (FRAME_END, TICKET, b""),
            (FRAME_WHOLE, TICKET + 1, BLOCK + b"all"),
            (FRAME_FAIL, TICKET + 2, b""),
        ]
        assert accepted.recv(1) == b""


@pytest.mark.parametrize("length", [65535, 65536, 65537, 5_000_000])
def test_a_large_body_arrives_whole_while_the_worker_waits(length: int, gateway: Gateway) -> None:
    stream, accepted = gateway.stream()
    body = os.urandom(length)
    received: list[tuple[int, int, bytes]] = []
    reader = threading.Thread(target=lambda: received.extend(read_frame(accepted) for _ in range(3)))
    reader.start()
    stream.whole(TICKET, HEAD, body)
    stream.body(TICKET + 1, body)
    stream.end(TICKET + 1)
    reader.join()
    accepted.close()
    stream.close()
    assert received == [
        (FRAME_WHOLE, TICKET, BLOCK + body),
        (FRAME_BODY, TICKET + 1, body),
        (FRAME_END, TICKET + 1, b""),
    ]


@pytest.mark.parametrize("taken", [0, 1, 20, FRAME_HEADER.size + len(BLOCK), FRAME_HEADER.size + 100])
def test_a_frame_is_whole_wherever_the_system_stops_in_it(
    taken: int, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sendmsg(self: socket.socket, buffers: list[bytes]) -> int:
        return self.send(b"".join(buffers)[:taken]) if taken else 0

    monkeypatch.setattr(socket.socket, "sendmsg", sendmsg)
    stream, accepted = gateway.stream()
    body = bytes(range(256)) * 300
    stream.whole(TICKET, HEAD, body)
    stream.close()
    with accepted:
        assert read_frame(accepted) == (FRAME_WHOLE, TICKET, BLOCK + body)
        assert accepted.recv(1) == b""


def test_a_gateway_that_does_not_listen_is_gone(tmp_path: Path, gateway: Gateway) -> None:
    with pytest.raises(GatewayGone):
        ReplyStream(str(tmp_path / "nowhere"), GATEWAY, AGE, Slot(BOARD, SLOT))
    gateway.listener.close()
    with pytest.raises(GatewayGone):
        ReplyStream(str(gateway.directory), GATEWAY, AGE, Slot(BOARD, SLOT))


def test_a_gateway_that_died_is_gone_for_every_frame(gateway: Gateway) -> None:
    stream, accepted = gateway.stream()
    accepted.close()
    gateway.listener.close()
    for body in (b"small", b"x" * 100_000):
        with pytest.raises(GatewayGone):
            stream.whole(TICKET, HEAD, body)
    with pytest.raises(GatewayGone):
        stream.end(TICKET)
    stream.close()


@pytest.mark.parametrize("closed_by", ["the gateway", "the application"])
def test_a_reply_is_begun_on_another_stream_when_the_first_was_closed(
    gateway: Gateway, closed_by: str
) -> None:
    stream, accepted = gateway.stream()
    with accepted:
        if closed_by == "the gateway":
            accepted.close()
        else:
            os.close(stream._socket.fileno())  # noqa: SLF001
        stream.whole(TICKET, HEAD, b"body")
        with gateway.accept() as second:
            assert read_frame(second) == HELLO
            assert read_frame(second) == (FRAME_WHOLE, TICKET, BLOCK + b"body")
            stream.close()
            assert second.recv(1) == b""


def test_a_descriptor_that_the_application_has_taken_over_is_left_open(
    gateway: Gateway, tmp_path: Path
) -> None:
    stream, accepted = gateway.stream()
    number = stream._socket.fileno()  # noqa: SLF001
    with accepted, (tmp_path / "own").open("wb") as own:
        os.dup2(own.fileno(), number)
        stream.whole(TICKET, HEAD, b"body")
        gateway.accept().close()
        os.fstat(number)
        assert (tmp_path / "own").read_bytes() == b""
    os.close(number)
    stream.close()


def test_the_rest_of_a_reply_goes_nowhere_else(gateway: Gateway) -> None:
    stream, accepted = gateway.stream()
    stream.head(TICKET, HEAD, b"first")
    accepted.close()
    with pytest.raises(GatewayGone):
        stream.body(TICKET, b"second")
    with pytest.raises(GatewayGone):
        stream.end(TICKET)
    stream.close()


def test_a_process_without_descriptors_cannot_reach_its_gateway(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(*_arguments: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("tunicorn.reply._CONNECT_SECONDS", 0.1)
    monkeypatch.setattr("tunicorn.reply.socket.socket", no_descriptor)
    with pytest.raises(GatewayUnreachable, match="Too many open files"):
        ReplyStreams(str(gateway.directory), AGE, Slot(BOARD, SLOT)).to(GATEWAY)


def test_a_descriptor_that_is_given_back_in_time_is_enough(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def scarce(*arguments: int) -> socket.socket:
        tries.append(arguments)
        if len(tries) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(*arguments)

    real = socket.socket
    monkeypatch.setattr("tunicorn.reply._CONNECT_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("tunicorn.reply.socket.socket", scarce)
    streams = ReplyStreams(str(gateway.directory), AGE, Slot(BOARD, SLOT))
    streams.to(GATEWAY)
    streams.drop(GATEWAY)
    assert len(tries) == 3


def test_a_thread_has_one_stream_for_each_gateway(gateway: Gateway) -> None:
    streams = ReplyStreams(str(gateway.directory), AGE, Slot(BOARD, SLOT))
    stream = streams.to(GATEWAY)
    assert streams.to(GATEWAY) is stream
    with pytest.raises(GatewayGone):
        streams.to(GATEWAY + 1)
    streams.drop(GATEWAY)


def test_a_stream_that_was_dropped_is_connected_anew(gateway: Gateway) -> None:
    streams = ReplyStreams(str(gateway.directory), AGE, Slot(BOARD, SLOT))
    streams.to(GATEWAY)
    with gateway.accept() as first:
        streams.drop(GATEWAY)
        streams.drop(GATEWAY)
        assert read_frame(first) == HELLO
        assert first.recv(1) == b"", "the old one is closed"
    streams.to(GATEWAY).end(TICKET)
    with gateway.accept() as second:
        assert read_frame(second) == HELLO
        assert read_frame(second) == (FRAME_END, TICKET, b"")
    streams.drop(GATEWAY)


PART = FilePart(b"/srv/file", 1, 2, 10, 70000)


@pytest.mark.parametrize("answer", [FILE_REFUSED, FILE_COPIED, FILE_KEPT])
def test_a_file_is_offered_and_the_answer_is_waited_for(gateway: Gateway, answer: int) -> None:
    stream, accepted = gateway.stream()
    with accepted:
        # The first is of a request that was given up while it waited.
        accepted.sendall(FILE_ANSWER.pack(TICKET - 1, FILE_COPIED) + FILE_ANSWER.pack(TICKET, answer))
        assert stream.file(TICKET, HEAD, PART) == answer
        kind, ticket, payload = read_frame(accepted)
        assert (kind, ticket) == (FRAME_FILE, TICKET)
        assert FILE_INFO.unpack_from(payload) == (1, 2, 10, 70000, len(BLOCK))
        assert payload[FILE_INFO.size :] == BLOCK + b"/srv/file"
    stream.close()


def test_a_gateway_that_leaves_instead_of_answering_is_gone(gateway: Gateway) -> None:
    stream, accepted = gateway.stream()
    with accepted:
        accepted.shutdown(socket.SHUT_WR)
        with pytest.raises(GatewayGone):
            stream.file(TICKET, HEAD, PART)
    stream.close()


def test_the_stream_of_a_gateway_that_is_gone_is_closed_when_there_is_another(gateway: Gateway) -> None:
    streams = ReplyStreams(str(gateway.directory), AGE, Slot(BOARD, SLOT))
    streams.to(GATEWAY)
    with gateway.accept() as first:
        path = gateway.directory / replies_file(GATEWAY)
        path.rename(gateway.directory / replies_file(GATEWAY + 1))
        streams.to(GATEWAY + 1)
        assert read_frame(first) == HELLO
        assert first.recv(1) == b"", "closed"
    streams.drop(GATEWAY + 1)


def board_with(gateway_field: int, ticket: int) -> Slot:
    """The slot of a thread whose client has left, or has ended its side."""
    slot = Slot(bytearray(BOARD), SLOT)
    depart(slot, gateway_field, ticket)
    return slot


def depart(slot: Slot, gateway_field: int, ticket: int) -> None:
    """As a gateway would write it."""
    slot._u32[gateway_field], slot._u32[gateway_field + 1] = GATEWAY, ticket  # noqa: SLF001 - another process's part


def progress(slot: Slot) -> float:
    return slot._f64[SLOT_PROGRESS_F64]  # noqa: SLF001 - read by another process


def sends(stream: ReplyStream) -> bool:
    """Whether an item of a stream is sent, and nothing is raised after it."""
    try:
        stream.body(TICKET, b"item")
    except ClientGone:
        return False
    return True


def test_no_item_is_sent_to_a_client_that_has_left(gateway: Gateway) -> None:
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, board_with(SLOT_LEFT_GATEWAY_U32, TICKET))
    with gateway.accept() as accepted:
        with pytest.raises(ClientGone):
            stream.head(TICKET, HEAD, b"")
        with pytest.raises(ClientGone):
            stream.body(TICKET, b"item")
        stream.fail(TICKET)
        assert [read_frame(accepted) for _ in range(2)] == [HELLO, (FRAME_FAIL, TICKET, b"")]
    stream.close()


def test_the_client_of_an_earlier_request_does_not_matter(gateway: Gateway) -> None:
    for field in (SLOT_LEFT_GATEWAY_U32, SLOT_ENDED_GATEWAY_U32):
        stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, board_with(field, TICKET - 1))
        with gateway.accept():
            assert sends(stream)
        stream.close()


def test_a_client_that_has_ended_its_side_is_given_time_to_show_that_it_has_left(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = board_with(SLOT_ENDED_GATEWAY_U32, TICKET)
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, slot)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            depart(slot, SLOT_LEFT_GATEWAY_U32, TICKET)

    monkeypatch.setattr("tunicorn.reply.time.sleep", sleep)
    with gateway.accept():
        assert not sends(stream)
        assert len(pauses) == 3
    stream.close()


def test_a_client_that_still_reads_is_kept_waiting_for_the_first_items_only(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, board_with(SLOT_ENDED_GATEWAY_U32, TICKET))
    pauses: list[float] = []
    monkeypatch.setattr("tunicorn.reply.time.sleep", pauses.append)
    with gateway.accept():
        assert all(sends(stream) for _ in range(10))
    assert 0.3 <= sum(pauses) < 0.33
    stream.close()


def test_the_slot_says_that_the_gateway_is_waited_for_and_then_that_the_body_moves_on(
    gateway: Gateway,
) -> None:
    slot = Slot(bytearray(BOARD), SLOT)
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, slot)
    started = slot.claimed(GATEWAY, TICKET)
    with gateway.accept() as accepted:
        sender = threading.Thread(target=stream.body, args=(TICKET, bytes(5_000_000)))
        sender.start()
        while progress(slot) == 0:
            pass
        assert progress(slot) == -started
        read_exactly(accepted, 2 * FRAME_HEADER.size + 5_000_000)
        sender.join()
        assert progress(slot) >= started
    stream.close()


@pytest.mark.parametrize(
    ("length", "answer", "is_kept"),
    [(FILE_COPY_BYTES, FILE_COPIED, False), (FILE_COPY_BYTES + 1, FILE_KEPT, True)],
)
def test_a_large_file_is_offered_on_a_stream_of_its_own_and_a_small_one_is_not(
    gateway: Gateway, length: int, answer: int, is_kept: bool
) -> None:
    files = FilesOut(signal.SIGURG, lambda: None)  # which is ignored
    slot = Slot(bytearray(BOARD), SLOT)
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, slot, files)
    main = gateway.accept()
    wrapper = FileWrapper(io.BytesIO())
    answers: list[int] = []
    part = PART._replace(length=length)
    worker = threading.Thread(target=lambda: answers.append(stream.hand_over(TICKET, HEAD, part, wrapper)))
    worker.start()
    offered = gateway.accept() if is_kept else main
    assert read_frame(offered) == HELLO
    assert read_frame(offered)[0] == FRAME_FILE
    offered.sendall(FILE_ANSWER.pack(TICKET, answer))
    assert read_frame(offered) == (FRAME_END, TICKET, b"")
    worker.join()
    assert answers == [answer]
    offered.close()
    main.close()
    files.close_finished()
    assert wrapper.filelike.closed == is_kept, "otherwise the request closes it"
    stream.close()


def test_a_gateway_that_does_not_accept_the_stream_of_a_file_is_not_waited_for(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunicorn.reply._ANSWER_SECONDS", 0.01)
    files = FilesOut(signal.SIGURG, lambda: None)
    stream = ReplyStream(str(gateway.directory), GATEWAY, AGE, Slot(bytearray(BOARD), SLOT), files)
    part = PART._replace(length=FILE_COPY_BYTES + 1)
    assert stream.hand_over(TICKET, HEAD, part, FileWrapper(io.BytesIO())) == FILE_REFUSED
    stream.close()
