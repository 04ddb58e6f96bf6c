"""`wsgi.file_wrapper`."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import pytest

from tunicorn.file_wrapper import BLOCK_BYTES, FilePart, FileWrapper, maybe_file_part

SIZE = 3 * BLOCK_BYTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    return path


def part_of(path: Path, offset: int, length: int) -> FilePart:
    info = path.stat()
    return FilePart(os.fsencode(path), info.st_dev, info.st_ino, offset, length)


def test_a_plain_file_is_handed_over_from_where_it_stands(path: Path) -> None:
    with path.open("rb") as file:
        file.read(10)
        assert maybe_file_part(file, -1) == part_of(path, 10, SIZE - 10)
        assert maybe_file_part(file, BLOCK_BYTES + 1) == part_of(path, 10, BLOCK_BYTES + 1)
        assert maybe_file_part(file, 2 * SIZE) == part_of(path, 10, SIZE - 10)


def test_so_is_an_unbuffered_and_a_temporary_one(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        assert maybe_file_part(file, -1) == part_of(path, 0, SIZE)
    with tempfile.NamedTemporaryFile() as temporary:
        temporary.write(bytes(SIZE))
        temporary.seek(0)
        assert maybe_file_part(temporary, -1) == part_of(Path(temporary.name), 0, SIZE)


def test_what_one_block_holds_is_not_worth_it(path: Path) -> None:
    with path.open("rb") as file:
        assert maybe_file_part(file, BLOCK_BYTES) is None
        file.seek(SIZE - BLOCK_BYTES)
        assert maybe_file_part(file, -1) is None


def test_what_reads_otherwise_than_its_descriptor_is_not_handed_over(path: Path) -> None:
    compressed = path.with_suffix(".gz")
    with gzip.open(compressed, "wb", compresslevel=0) as file:
        file.write(bytes(SIZE))
    with gzip.open(compressed) as file:
        assert file.fileno() >= 0
        assert maybe_file_part(file, -1) is None
    with path.open() as text:
        assert maybe_file_part(text, -1) is None
    assert maybe_file_part(io.BytesIO(bytes(SIZE)), -1) is None


def test_neither_is_a_closed_file_nor_one_that_is_no_regular_file(path: Path) -> None:
    file = path.open("rb")
    file.close()
    assert maybe_file_part(file, -1) is None
    with Path("/dev/zero").open("rb") as device:
        assert maybe_file_part(device, 2 * SIZE) is None


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
