"""Reads the records that tickets point to: environ and body of one request.

Everything is copied out at the claim, so a record's memory is the gateway's again as soon as the reply is there.

Runs in: worker.
"""

from __future__ import annotations

import mmap
import os
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
        """The environ and `wsgi.input` of a ticket; None when the ticket is stale, withdrawn or past its deadline."""
        arena = self._maps.get(gateway)
        if arena is None:
            arena = self._open(gateway)
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
        record = bytes(arena[start : start + environ_length + body_length])
        body = record[environ_length:]
        if body_kind == BODY_STORED:
            stored, size = STORED_BODY.unpack(body)
            body = bytes(arena[stored : stored + size])
        identity, state, *_ = RECORD_HEADER.unpack_from(arena, offset)
        if identity != ticket or state != RECORD_READY:
            return None  # withdrawn meanwhile, and what was copied is perhaps another's
        environ: dict[str, Any] = loads(record)
        if body_kind == BODY_SPOOLED:
            try:
                return environ, open(os.fsdecode(body), "rb")
            except FileNotFoundError:
                return None  # withdrawn just now
        return environ, BytesIO(body)

    def is_probe(self, gateway: int, ticket: int, offset: int) -> bool:
        """Of a ticket for which `read` gave None: whether its gateway asks how far the queue has been read."""
        arena = self._maps.get(gateway)
        if arena is None:
            return False
        identity, state, *_ = RECORD_HEADER.unpack_from(arena, offset)
        return bool(identity == ticket and state == RECORD_PROBE)

    def _close_gone(self) -> None:
        """A new gateway may be there because another is gone, whose memory nobody else holds any more."""
        for gateway in list(self._maps):
            if not os.path.exists(os.path.join(self._run_directory, arena_file(gateway))):
                self._maps.pop(gateway, None)  # another thread may have been faster

    def _open(self, gateway: int) -> memoryview | None:
        """None when the gateway is gone: its file is removed with it."""
        self._close_gone()
        try:
            descriptor = os.open(os.path.join(self._run_directory, arena_file(gateway)), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            arena = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)
        self._maps[gateway] = arena
        return arena
