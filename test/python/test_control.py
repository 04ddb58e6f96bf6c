"""The channel between arbiter and zygote."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tunicorn.control import LineReader, Message, send


@dataclass
class Channel:
    """Both ends."""

    ours: socket.socket
    theirs: socket.socket

    def reader(self) -> LineReader:
        return LineReader(self.theirs.fileno())


@pytest.fixture
def channel() -> Iterator[Channel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, theirs)


def test_messages_come_whole_wherever_they_are_cut(channel: Channel) -> None:
    messages: list[Message] = [{"type": "fork", "age": 1}, {"type": "kill", "text": "Zürich"}]
    data = "".join(json.dumps(message) + "\n" for message in messages).encode()
    for size in range(1, len(data) + 1):
        reader = channel.reader()
        received: list[Message] = []
        for at in range(0, len(data), size):
            channel.ours.sendall(data[at : at + size])
            received += reader.read()
        assert received == messages
        assert not reader.closed


def test_nothing_is_read_when_nothing_is_there_and_the_descriptor_does_not_block(channel: Channel) -> None:
    channel.theirs.setblocking(False)
    reader = channel.reader()
    assert reader.read() == []
    assert not reader.closed


def test_the_end_is_noted_and_half_a_message_dropped(channel: Channel) -> None:
    reader = channel.reader()
    channel.ours.sendall(b'{"type": "a"}\n{"type"')
    channel.ours.close()
    assert reader.read() == [{"type": "a"}]
    assert reader.read() == []
    assert reader.closed


def test_a_connection_that_is_reset_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(_descriptor: int, _size: int) -> bytes:
        raise ConnectionResetError

    monkeypatch.setattr(os, "read", reset)
    reader = LineReader(0)
    assert reader.read() == []
    assert reader.closed


@pytest.mark.parametrize(
    "garbage", [b"hello", b"hello\n", b"null\n", b"[1]", b'{"type": 1}\n', b'{"kind": "fork"}', b"\xff\x00\n"]
)
def test_bytes_of_somebody_else_cost_one_line(
    channel: Channel, garbage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    channel.ours.sendall(garbage)
    send(channel.ours.fileno(), {"type": "ready", "pid": 7})
    assert channel.reader().read() == [{"type": "ready", "pid": 7}]
    assert capsys.readouterr().err.count("Not a message of Tunicorn, ignored: ") == 1


def test_a_message_is_one_line(channel: Channel) -> None:
    send(channel.ours.fileno(), {"type": "exited", "text": "two\nlines"})
    data = channel.theirs.recv(65536)
    assert data[:1] + data[-1:] == b"\n\n"
    assert data.count(b"\n") == 2
    assert json.loads(data) == {"type": "exited", "text": "two\nlines"}


def test_a_long_message_is_written_to_its_end(channel: Channel) -> None:
    message = {"type": "fork-failed", "error": "x" * 1_000_000}
    received: list[Message] = []

    def read() -> None:
        reader = channel.reader()
        while not received:
            received.extend(reader.read())

    thread = threading.Thread(target=read)
    thread.start()
    send(channel.ours.fileno(), message)
    thread.join()
    assert received == [message]
