"""With --reload: which files are told to be watched."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunicorn.imported_files import ImportFailure, files_of, imported_files, report_imported_files


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def failure_of(module: str) -> BaseException:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        return error
    raise AssertionError("it was imported")


def test_modules_of_the_application_are_in_and_what_is_installed_is_not(here: Path) -> None:
    (here / "shop.py").write_text("import json, pytest, tunicorn.wsgi\n")
    importlib.import_module("shop")
    files = imported_files()
    assert str(here / "shop.py") in files
    for part in ("/json/__init__.py", "/site-packages/", "/tunicorn/wsgi.py"):
        assert not [file for file in files if part in file]


def test_an_import_that_fails_names_every_file_it_went_through(here: Path) -> None:
    (here / "shop.py").write_text("import parts\n")
    (here / "parts.py").write_text(
        "try:\n    import broken\nexcept SyntaxError as e:\n    raise RuntimeError from e\n"
    )
    (here / "broken.py").write_text("def (:\n")
    assert files_of(failure_of("shop")) >= {str(here / name) for name in ("shop.py", "parts.py", "broken.py")}


def test_reports_stay_below_what_a_pipe_takes_whole(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"a_module_with_quite_a_long_name_{number}" for number in range(200)]
    for name in names:
        (here / f"{name}.py").write_text("")
        importlib.import_module(name)
    (here / "broken.py").write_text("1 / 0\n")
    monkeypatch.setattr("threading.Thread.start", lambda _thread: None)
    read_end, write_end = os.pipe()
    report_imported_files(write_end, ImportFailure(failure_of("broken"), 1.5))
    os.close(write_end)
    with open(read_end, "rb") as reader:
        lines = [line for line in reader.read().splitlines() if line]
    assert max(map(len, lines)) < 4096
    reports = [json.loads(line) for line in lines]
    assert {report["pid"] for report in reports} == {os.getpid()}
    assert [report["type"] for report in reports[:2]] == ["imported", "import-failed"]
    assert reports[1]["time"] == 1.5
    assert [str(here / "broken.py"), (here / "broken.py").stat().st_mtime] in reports[0]["files"]
    told = [path for report in reports[2:] for path, _ in report["files"]]
    assert {str(here / f"{name}.py") for name in names} <= set(told)
    assert len(told) == len(set(told))
