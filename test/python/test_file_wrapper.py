"""`wsgi.file_wrapper`."""

from __future__ import annotations

import io

from tunicorn.file_wrapper import BLOCK_BYTES, FileWrapper


def test_the_file_comes_in_blocks_from_where_it_stands() -> None:
    file = io.BytesIO(b"skipped" + bytes(2 * BLOCK_BYTES + 1))
    file.seek(len(b"skipped"))
    assert [len(block) for block in FileWrapper(file)] == [BLOCK_BYTES, BLOCK_BYTES, 1]


def test_a_small_block_size_is_raised_and_a_large_one_is_kept() -> None:
    assert [len(block) for block in FileWrapper(io.BytesIO(bytes(100)), 7)] == [100]
    assert [len(block) for block in FileWrapper(io.BytesIO(bytes(4 * BLOCK_BYTES)), 3 * BLOCK_BYTES)] == [
        3 * BLOCK_BYTES,
        BLOCK_BYTES,
    ]


def test_an_empty_file_has_no_blocks() -> None:
    assert list(FileWrapper(io.BytesIO())) == []


def test_it_is_closed_with_its_file() -> None:
    file = io.BytesIO()
    FileWrapper(file).close()
    assert file.closed


def test_it_has_no_close_when_its_file_has_none() -> None:
    class Endless:
        def read(self, _size: int) -> bytes:
            return b""

    wrapper = FileWrapper(Endless())
    assert not hasattr(wrapper, "close")
    assert list(wrapper) == []
