"""`wsgi.file_wrapper`: an iterable over a file-like object (PEP 3333, optional platform-specific file handling).

Runs in: worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCK_BYTES = 65536


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
