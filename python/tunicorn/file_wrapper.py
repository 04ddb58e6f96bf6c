"""`wsgi.file_wrapper`: an iterable over a file-like object (PEP 3333, optional platform-specific file handling).

A part of a real file, when it is not small, is not read here but handed over to the gateway by name (PROTOCOL.md §5).

Runs in: worker.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import BufferedRandom, BufferedReader, FileIO
from tempfile import _TemporaryFileWrapper
from typing import Any, NamedTuple

BLOCK_BYTES = 65536

# What gives the bytes of its descriptor unchanged. Others have a descriptor too, and mean something else by it (gzip).
_PLAIN_FILES = (BufferedReader, BufferedRandom, FileIO)


class FileWrapper:
    """Reads blocks of the file. The block size an application asks for is a hint; small ones are raised."""

    def __init__(self, filelike: Any, block_size: int = BLOCK_BYTES) -> None:
        self.filelike = filelike
        self.block_size = max(block_size, BLOCK_BYTES)
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self.filelike.read(self.block_size):
            yield block


class StreamedFileWrapper(FileWrapper):
    """Is never handed over: `sendfile` is off."""


class FilePart(NamedTuple):
    """Some bytes of a file that this process has open. `path` is the name that it had."""

    path: bytes
    device: int
    inode: int
    offset: int
    length: int


def maybe_file_part(filelike: Any, content_length: int) -> FilePart | None:
    """What is left to read of a plain file, at most `content_length` bytes (-1: all).

    None for everything else, for what one block holds, and where the system does not tell the name.
    """
    if type(filelike) is _TemporaryFileWrapper:
        filelike = filelike.file
    if type(filelike) not in _PLAIN_FILES:
        return None
    try:
        info = os.fstat(filelike.fileno())
        offset = filelike.tell()
        path = os.readlink(b"/proc/self/fd/%d" % filelike.fileno())
    except (OSError, ValueError):  # closed, or without a position
        return None
    length = info.st_size - offset
    if content_length >= 0:
        length = min(length, content_length)
    if length <= BLOCK_BYTES or not stat.S_ISREG(info.st_mode):
        return None
    return FilePart(path, info.st_dev, info.st_ino, offset, length)
