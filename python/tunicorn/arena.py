"""Reads the records that tickets point to: environ and body of one request.

Everything is copied out at the claim; once the slot says *working*, the record's memory is the gateway's again.

FIFO and arena may hold anything: other processes of this user can write to them. What is not a record of this ticket
is dropped, and never costs more than its request. Bytes that pass for one and crash `marshal` cost the worker.

Runs in: worker.
"""

from __future__ import annotations

import mmap
import os
import stat
from io import BufferedIOBase, BytesIO
from marshal import loads
from time import monotonic
from typing import Any

from .layout import (
    BODY_SPOOLED,
    BODY_STORED,
    RECORD_HEADER,
    RECORD_HEADER_BYTES,
    RECORD_PROBE,
    RECORD_READY,
    STORED_BODY,
    arena_file,
)

Request = tuple[dict[str, Any], BufferedIOBase]


class Arenas:
    """The arenas of the gateways, mapped at the first ticket from each."""

    def __init__(self, run_directory: str) -> None:
        self._run_directory = run_directory
        self._maps: dict[int, memoryview] = {}

    def read(self, gateway: int, ticket: int, offset: int) -> Request | None:
        """The environ and `wsgi.input` of a ticket; None when the ticket is stale, withdrawn, past its deadline, or no
        ticket at all. Raises OSError when the request cannot be read: no descriptor or no memory is left."""
        arena = self._maps.get(gateway)
        if arena is None or offset + RECORD_HEADER_BYTES > len(arena):
            arena = self._open(gateway, offset + RECORD_HEADER_BYTES)
            if arena is None:
                return None
        identity, state, body_kind, environ_length, body_length, _, claim_by = RECORD_HEADER.unpack_from(
            arena, offset
        )
        if identity != ticket or state != RECORD_READY:
            return None
        if claim_by and monotonic() * 1e3 > claim_by:
            return None
        start = offset + RECORD_HEADER_BYTES
        end = start + environ_length + body_length
        if end > len(arena):
            # It was mapped while the file was short; it may have grown since.
            arena = self._open(gateway, end)
            if arena is None:
                return None
        record = bytes(arena[start:end])
        body = record[environ_length:]
        if body_kind == BODY_STORED:
            if body_length != STORED_BODY.size:
                return None
            stored, body_length = STORED_BODY.unpack(body)
            if stored + body_length > len(arena):
                arena = self._open(gateway, stored + body_length)
                if arena is None:
                    return None
            body = bytes(arena[stored : stored + body_length])
        identity, state, *_ = RECORD_HEADER.unpack_from(arena, offset)
        if identity != ticket or state != RECORD_READY:
            return None  # withdrawn meanwhile, and what was copied is perhaps another's
        if body_kind > BODY_STORED:
            return None
        try:
            environ: dict[str, Any] = loads(record)
        except Exception:  # noqa: BLE001 - marshal raises many kinds, and what it was given may be anything
            return None
        if type(environ) is not dict:
            return None
        if body_kind == BODY_SPOOLED:
            spooled = _open_spooled(body)
            return None if spooled is None else (environ, spooled)
        return environ, BytesIO(body)

    def is_probe(self, gateway: int, ticket: int, offset: int) -> bool:
        """Of a ticket for which `read` gave None: whether its gateway asks how far the queue has been read."""
        arena = self._maps.get(gateway)
        if arena is None or offset + RECORD_HEADER_BYTES > len(arena):
            return False
        identity, state, *_ = RECORD_HEADER.unpack_from(arena, offset)
        return bool(identity == ticket and state == RECORD_PROBE)

    def _close_gone(self) -> None:
        """A new gateway may be there because another is gone, whose memory nobody else holds any more."""
        for gateway in list(self._maps):
            if not os.path.exists(os.path.join(self._run_directory, arena_file(gateway))):
                self._maps.pop(gateway, None)  # another thread may have been faster

    def _open(self, gateway: int, size: int) -> memoryview | None:
        """None when the gateway is gone, for its file is removed with it, or when the file ends before `size`."""
        self._close_gone()
        try:
            descriptor = os.open(os.path.join(self._run_directory, arena_file(gateway)), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if os.fstat(descriptor).st_size < size:
                return None
            arena = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)
        self._maps[gateway] = arena
        return arena

    def let_go(self) -> None:
        """In a child of the application, which must not keep a gateway's memory from being freed."""
        self._maps.clear()


def _open_spooled(path: bytes) -> BufferedIOBase | None:
    """None when it was withdrawn just now. Not a FIFO, which would keep us waiting, nor what a link leads to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (FileNotFoundError, ValueError):  # ValueError: a NUL in the path
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return open(descriptor, "rb")
